// Firmware: the network by TensorFlow Lite for Microcontrollers, with the same front end and
// detector as main.c. Compile the folder's C files but kws_network.c and kws_kernels.c, all with
// -DKWS_REFERENCE_KERNELS, and link TensorFlow Lite for Microcontrollers.
//
// The firmware supplies read_samples(). Nothing is allocated on the heap.
//
// kws compiles this file only against declarations of the calls that it makes; whether the network
// gives the same logits is checked with TensorFlow Lite for Microcontrollers from Python.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "kws_detector.h"
#include "kws_front_end.h"
#include "kws_model.h"
#include "kws_model_data.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

#ifndef KWS_REFERENCE_KERNELS
#error "compile with -DKWS_REFERENCE_KERNELS: the states after a reset are those of its kernels"
#endif

// From the microphone: waits for samples at KWS_SAMPLE_RATE, returns how many it wrote.
extern "C" size_t read_samples(int16_t *samples, size_t most);

namespace {

alignas(16) uint8_t tensor_arena[KWS_TENSOR_ARENA_BYTES];
// The interpreter reuses the memory of its inputs: the states live here between steps.
int8_t states[KWS_STATE_BYTES];
int8_t frames[KWS_STEP_FRAMES][KWS_BANDS];
int16_t levels[KWS_STEP_FRAMES];
kws_front_end front_end;
kws_detector detector;

// One step: frames and states in, logits and states out. Returns null if it fails.
const int8_t *Step(tflite::MicroInterpreter &interpreter)
{
    std::memcpy(interpreter.input(KWS_INPUT)->data.int8, frames, sizeof frames);
    for (int n = 0; n < KWS_STATES; n++) {
        const kws_state &state = kws_states[n];
        std::memcpy(interpreter.input(state.input)->data.int8, states + state.offset,
                    static_cast<size_t>(state.bytes));
    }
    if (interpreter.Invoke() != kTfLiteOk) {
        return nullptr;
    }
    for (int n = 0; n < KWS_STATES; n++) {
        const kws_state &state = kws_states[n];
        std::memcpy(states + state.offset, interpreter.output(state.output)->data.int8,
                    static_cast<size_t>(state.bytes));
    }
    return interpreter.output(KWS_LOGITS)->data.int8;
}

void Reset()
{
    kws_front_end_reset(&front_end);
    kws_detector_reset(&detector);
    std::memcpy(states, kws_states_after_silence, sizeof states);
}

}  // namespace

int main()
{
    static tflite::MicroMutableOpResolver<KWS_TFLM_OPERATORS> resolver;
    KWS_TFLM_ADD_OPERATORS(resolver)
    static tflite::MicroInterpreter interpreter(tflite::GetModel(kws_model_data), resolver,
                                                tensor_arena, sizeof tensor_arena);
    if (interpreter.AllocateTensors() != kTfLiteOk) {
        std::printf("kws: the tensor arena is too small: raise KWS_TENSOR_ARENA_BYTES\n");
        return 1;
    }
    Reset();
    int held = 0;
    for (;;) {
        int16_t buffer[KWS_HOP];
        const int16_t *samples = buffer;
        size_t count = read_samples(buffer, KWS_HOP);
        while (kws_front_end_push(&front_end, &samples, &count, frames[held])) {
            levels[held] = front_end.level;
            if (++held < KWS_STEP_FRAMES) {
                continue;
            }
            held = 0;
            const int8_t *logits = Step(interpreter);
            if (logits == nullptr) {
                std::printf("kws: the network cannot be run\n");
                return 1;
            }
            kws_detection found[KWS_MOST_DETECTIONS];
            const int detections = kws_detector_push(&detector, levels, logits, found);
            for (int n = 0; n < detections; n++) {
                std::printf("%s %d %%\n", kws_labels[found[n].label],
                            static_cast<int>(100.0f * found[n].score + 0.5f));
            }
        }
    }
}
