/* The program, and with --logits the network's output for 16-bit PCM from stdin, byte for byte. */
#include <string.h>

#include "kws_stream.h"
#include "platform.h"

int spot_main(int count, char **arguments);

int kws_main(int count, char **arguments)
{
    static kws_front_end front_end;
    static kws_network network;
    static int8_t frames[KWS_STEP_FRAMES][KWS_BANDS];
    static int16_t samples[4096]; /* little-endian, as all machines here are */
    int8_t logits[KWS_COLUMNS * KWS_LABELS];
    size_t held = 0;
    long came;
    if (count < 2 || strlen(arguments[1]) != 8) {
        return spot_main(count, arguments);
    }
    kws_front_end_reset(&front_end);
    kws_network_reset(&network);
    while ((came = kws_read(KWS_STDIN, samples, sizeof samples)) > 0) {
        const int16_t *at = samples;
        size_t left = (size_t)came / 2;
        while (kws_front_end_push(&front_end, &at, &left, frames[held])) {
            if (++held == KWS_STEP_FRAMES) {
                held = 0;
                kws_network_step(&network, frames[0], logits);
                kws_write(KWS_STDOUT, logits, sizeof logits);
            }
        }
    }
    return 0;
}
