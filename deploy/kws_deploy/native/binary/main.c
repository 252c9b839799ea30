/* Spots keywords in recordings, or in what comes through a pipe, and prints what `kws spot` prints. */
#include <string.h>

#include "kws_resampler.h"
#include "kws_stream.h"
#include "kws_wav.h"
#include "platform.h"
#include "text.h"

/* Exit statuses. */
#define DONE 0
#define BAD_INPUT 2
/* Samples that are read at once: so much later is a detection printed, at the most. */
#define BLOCK KWS_HOP

static const char USAGE[] =
    "usage: kws [--json] [--rate HZ] [FILE ...]\n"
    "\n"
    "Prints the keywords that are said in WAV files, or in 16-bit mono PCM, and when.\n"
    "Without FILE, or with -, it reads stdin: arecord -t raw -f S16_LE -r 16000 -c 1 | kws\n"
    "\n"
    "  --json     one JSON object on each line\n"
    "  --rate HZ  sample rate of PCM, 4000 to 384000; WAV files say theirs\n"
    "  --help     this text\n"
    "\n"
    "keywords:";

typedef struct {
    const char *name; /* of the recording */
    int json, named;
    kws_text text;
} printer;

/* Bytes of a file, read as they come. */
typedef struct {
    intptr_t file;
    size_t at, held;
    int failed;
    unsigned char bytes[8192];
} input;

static struct kws spotter;
static kws_resampler resampler;

static void say(const char *name, const char *wrong)
{
    kws_text text;
    memset(&text, 0, sizeof text);
    text.file = KWS_STDERR;
    kws_text_put(&text, "kws: ");
    if (name != NULL) {
        kws_text_put(&text, name);
        kws_text_put(&text, ": ");
    }
    kws_text_put(&text, wrong);
    kws_text_end(&text);
}

static void heard(const kws_event *event, void *context)
{
    printer *self = context;
    kws_text *text = &self->text;
    if (self->json) {
        kws_text_put(text, "{\"file\": ");
        kws_text_json(text, self->name);
        kws_text_put(text, ", \"keyword\": ");
        kws_text_json(text, event->keyword);
        kws_text_put(text, ", \"score\": ");
        kws_text_number(text, (double)event->score, 4, 0, 1);
        kws_text_put(text, ", \"start\": ");
        kws_text_number(text, event->start, 3, 0, 1);
        kws_text_put(text, ", \"end\": ");
        kws_text_number(text, event->end, 3, 0, 1);
        kws_text_put(text, "}");
    } else {
        if (self->named) {
            kws_text_put(text, self->name);
            kws_text_put(text, ": ");
        }
        kws_text_number(text, event->start, 2, 8, 0);
        kws_text_put(text, " \xE2\x80\x93 ");
        kws_text_number(text, event->end, 2, 0, 0);
        kws_text_put(text, " s  ");
        kws_text_put(text, event->keyword);
        kws_text_pad(text, event->keyword, 12);
        kws_text_put(text, " ");
        kws_text_number(text, (double)event->score, 2, 0, 0);
    }
    kws_text_end(text);
}

static size_t source(void *context, unsigned char *bytes, size_t count)
{
    input *self = context;
    size_t taken = 0;
    while (taken < count) {
        size_t part = self->held - self->at;
        if (part == 0) {
            const long came = kws_read(self->file, self->bytes, sizeof self->bytes);
            self->failed |= came < 0;
            if (came <= 0) {
                break;
            }
            self->at = 0;
            self->held = part = (size_t)came;
        }
        part = part < count - taken ? part : count - taken;
        memcpy(bytes + taken, self->bytes + self->at, part);
        self->at += part;
        taken += part;
    }
    return taken;
}

/* Returns NULL, or what is wrong with the recording. */
static const char *spot(input *from, int32_t rate, printer *to)
{
    static kws_wav wav;
    float samples[BLOCK];
    int16_t block[BLOCK];
    size_t count, made;
    int any = 0;
    const char *wrong = kws_wav_open(&wav, source, from);
    if (wrong == NULL && !kws_resampler_open(&resampler, wav.rate != 0 ? wav.rate : rate)) {
        wrong = "has a sample rate that is not in 4000 .. 384000 Hz: convert it again";
    }
    kws_reset(&spotter);
    while (wrong == NULL && !to->text.failed && (count = kws_wav_read(&wav, samples, BLOCK)) > 0) {
        const float *at = samples;
        any = 1;
        while ((made = kws_resampler_push(&resampler, &at, &count, block, BLOCK)) > 0) {
            kws_process(&spotter, block, made, heard, to);
        }
    }
    if (wrong == NULL) {
        while ((made = kws_resampler_flush(&resampler, block, BLOCK)) > 0) {
            kws_process(&spotter, block, made, heard, to);
        }
        kws_flush(&spotter, heard, to);
    }
    if (from->failed) {
        return "cannot be read: see that it is a file, and readable";
    }
    return wrong == NULL && !any ? "has no samples: record it again" : wrong;
}

/* Spots in one recording; returns the exit status. */
static int work(const char *name, int32_t rate, printer *to)
{
    static input from;
    const int piped = strlen(name) == 1 && name[0] == '-';
    const char *wrong;
    memset(&from, 0, sizeof from);
    from.file = piped ? KWS_STDIN : kws_open_file(name);
    if (from.file == -1) {
        say(name, "cannot be opened: see that it is there, and readable");
        return BAD_INPUT;
    }
    to->name = name;
    wrong = spot(&from, rate, to);
    if (!piped) {
        kws_close_file(from.file);
    }
    if (wrong != NULL) {
        say(name, wrong);
    }
    return wrong != NULL ? BAD_INPUT : DONE;
}

static int is(const char *argument, const char *option)
{
    return strlen(argument) == strlen(option) && memcmp(argument, option, strlen(option)) == 0;
}

/* Returns a whole number, or 0 for what is none. */
static int32_t number(const char *text)
{
    int32_t value = 0;
    size_t n;
    for (n = 0; text[n] != '\0'; n++) {
        if (n > 6 || text[n] < '0' || text[n] > '9') {
            return 0;
        }
        value = 10 * value + (text[n] - '0');
    }
    return value;
}

static int help(void)
{
    kws_text text;
    int32_t n;
    memset(&text, 0, sizeof text);
    text.file = KWS_STDOUT;
    kws_text_put(&text, USAGE);
    for (n = 0; kws_keyword(n) != NULL; n++) {
        kws_text_put(&text, n > 0 ? ", " : " ");
        kws_text_put(&text, kws_keyword(n));
    }
    kws_text_end(&text);
    return DONE;
}

int kws_main(int count, char **arguments)
{
    static printer to;
    int32_t rate = KWS_SAMPLE_RATE;
    int n, files = 0, status = DONE;
    to.text.file = KWS_STDOUT;
    for (n = 1; n < count; n++) {
        if (is(arguments[n], "--help") || is(arguments[n], "-h")) {
            return help();
        } else if (is(arguments[n], "--json")) {
            to.json = 1;
        } else if (is(arguments[n], "--rate") && n + 1 < count) {
            rate = number(arguments[++n]);
            if (rate < KWS_LOWEST_RATE || rate > KWS_HIGHEST_RATE) {
                say(NULL, "--rate: give a whole number from 4000 to 384000");
                return BAD_INPUT;
            }
        } else if (arguments[n][0] == '-' && arguments[n][1] != '\0') {
            say(arguments[n], "is no option: see --help");
            return BAD_INPUT;
        } else {
            arguments[files++] = arguments[n];
        }
    }
    to.named = files > 1;
    if (files == 0) {
        return work("-", rate, &to);
    }
    for (n = 0; n < files && !to.text.failed; n++) {
        const int one = work(arguments[n], rate, &to);
        status = one > status ? one : status;
    }
    if (to.text.failed) {
        say(NULL, "stdout cannot be written");
        return 1;
    }
    return status;
}
