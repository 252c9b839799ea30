// Prints the keywords that a board's microphone hears. Written for boards with the library PDM
// (Arduino Nano 33 BLE Sense, Nano RP2040 Connect); for another microphone fill `samples` by I2S.
#include <PDM.h>
#include <kws.h>

static kws *spotter;
static int16_t samples[512];
static volatile int waiting;

static void arrived()
{
    const int bytes = PDM.available();
    waiting = PDM.read(samples, bytes < (int)sizeof samples ? bytes : (int)sizeof samples) / 2;
}

static void heard(const kws_event *event, void *)
{
    Serial.print(event->start);
    Serial.print(" s  ");
    Serial.print(event->keyword);
    Serial.print("  ");
    Serial.println(event->score);
}

void setup()
{
    Serial.begin(115200);
    spotter = kws_open();
    PDM.onReceive(arrived);
    if (spotter == NULL || !PDM.begin(1, kws_sample_rate())) {
        Serial.println("no memory, or no microphone");
        while (true) {
        }
    }
}

void loop()
{
    if (waiting > 0) {
        int16_t block[512];
        noInterrupts();
        const int count = waiting;
        memcpy(block, samples, 2 * count);
        waiting = 0;
        interrupts();
        kws_process(spotter, block, count, heard, NULL);
    }
}
