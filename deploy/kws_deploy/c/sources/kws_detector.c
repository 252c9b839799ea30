/* From logits to detections: see kws_detector.h. */
#include "kws_detector.h"

#include <math.h>
#include <string.h>

/* Sound this far below the loudest belongs to no word, in natural logarithms: 25 dB. */
#define RANGE (25.0 * KWS_DECIBEL)
/* Fewest frames of a word that follows another. */
#define SHORTEST 10
/* Most frames of quiet within a word. */
#define GAP 15
#if !KWS_EXCLUSIVE
/* The same within a phrase of several words. */
#define PHRASE_GAP 40
#endif
/* A word that is said again is at most this far below the loudest sound of late: 12 dB. */
#define AGAIN_RANGE (12.0 * KWS_DECIBEL)
/* What is shorter may be a click, and counts only if it is four fifths of the word before. */
#define CLICK 12
/* Most frames of it that are heard before it is detected. */
#define LONGEST_DELAY 60

void kws_detector_reset(kws_detector *self)
{
    int n;
    memset(self, 0, sizeof *self);
    memset(self->armed, 1, sizeof self->armed);
    for (n = 0; n < KWS_LEVEL_FRAMES; n++) {
        self->levels[n] = KWS_SILENCE_LEVEL;
    }
}

/* Posteriors of one column: of labels that compete, by softmax; else each by a sigmoid. */
static void posteriors(const int8_t *logits, float *scores)
{
    int n;
    for (n = 0; n < KWS_LABELS; n++) {
        scores[n] = ((float)logits[n] - (float)KWS_LOGITS_ZERO_POINT) * KWS_LOGITS_SCALE;
    }
#if KWS_EXCLUSIVE
    float most = scores[0], sum = 0.0f;
    for (n = 1; n < KWS_LABELS; n++) {
        most = scores[n] > most ? scores[n] : most;
    }
    for (n = 0; n < KWS_LABELS; n++) {
        scores[n] = expf(scores[n] - most);
        sum += scores[n];
    }
    for (n = 0; n < KWS_LABELS; n++) {
        scores[n] /= sum;
    }
#else
    for (n = 0; n < KWS_LABELS; n++) {
        const float logit = scores[n] < 15.0f ? scores[n] : 15.0f;
        scores[n] = 0.5f + 0.5f * tanhf(0.5f * logit);
    }
#endif
}

/* Keep the levels of a step's frames. */
static void remember(kws_detector *self, const int16_t *levels)
{
    const int64_t turn = self->steps % (KWS_LEVEL_FRAMES / KWS_STEP_FRAMES);
    memcpy(self->levels + turn * KWS_STEP_FRAMES, levels, KWS_STEP_FRAMES * sizeof *levels);
    self->steps++;
}

/* A level in natural logarithms. */
static double natural(int32_t level)
{
    return (level / (double)(1 << KWS_LEVEL_BITS) - KWS_INPUT_ZERO_POINT) * KWS_INPUT_SCALE;
}

/* Level of the n-th of the frames in the ring, the oldest first, in natural logarithms. */
static double level(const kws_detector *self, int n)
{
    const int oldest =
        (int)(self->steps % (KWS_LEVEL_FRAMES / KWS_STEP_FRAMES)) * KWS_STEP_FRAMES;
    return natural(self->levels[(oldest + n) % KWS_LEVEL_FRAMES]);
}

/* The n-th lowest level in the ring, counted from 0: what so many are below is halved by halves. */
static int32_t nth_lowest(const kws_detector *self, int n)
{
    int32_t low = INT16_MIN, high = INT16_MAX;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        int k, count = 0;
        for (k = 0; k < KWS_LEVEL_FRAMES; k++) {
            count += self->levels[k] <= middle;
        }
        if (count > n) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* Level that a tenth of the frames in the ring is below, between two of them by a straight line. */
static double quiet_tenth(const kws_detector *self)
{
    const double place = 0.1 * (KWS_LEVEL_FRAMES - 1);
    const int below = (int)place;
    const double first = natural(nth_lowest(self, below));
    const double second = natural(nth_lowest(self, below + 1));
    const double share = place - below, step = second - first;
    return share < 0.5 ? first + step * share : second - step * (1.0 - share);
}

/* Find the stretch of sound around the loudest of the latest frames: it reaches, on both sides, to
 * where the level stays 25 dB below it, or near the quiet tenth of the frames, for 0.15 s. */
static void loudest_stretch(const kws_detector *self, int longest, int gap, int *first, int *last)
{
    const int begin = KWS_LEVEL_FRAMES - longest;
    int peak = begin, n;
    for (n = begin; n < KWS_LEVEL_FRAMES; n++) {
        peak = level(self, n) > level(self, peak) ? n : peak;
    }
    const double top = level(self, peak), quiet = quiet_tenth(self);
    const double near_quiet = quiet + 0.3 * (top - quiet);
    const double limit = top - RANGE > near_quiet ? top - RANGE : near_quiet;
    *first = *last = peak;
    for (n = peak; n >= begin; n--) {
        if (level(self, n) > limit) {
            if (*first - n > gap) {
                break;
            }
            *first = n;
        }
    }
    for (n = peak; n < KWS_LEVEL_FRAMES; n++) {
        if (level(self, n) > limit) {
            if (n - *last > gap) {
                break;
            }
            *last = n;
        }
    }
}

#if KWS_EXCLUSIVE
static double loudest(const kws_detector *self, int first, int last)
{
    double most = level(self, first);
    for (int n = first + 1; n <= last; n++) {
        most = level(self, n) > most ? level(self, n) : most;
    }
    return most;
}

/* Frames since the end of the last detection; halves to even. */
static int64_t frames_since(const kws_detector *self)
{
    const int64_t samples = self->steps * KWS_STEP_FRAMES * KWS_HOP - self->spoken_until;
    int64_t frames = samples / KWS_HOP, rest = samples % KWS_HOP;
    if (rest < 0) {
        rest += KWS_HOP;
        frames--;
    }
    return frames + (2 * rest > KWS_HOP || (2 * rest == KWS_HOP && frames % 2 != 0));
}

/* Whether a keyword was said again while its score stayed high, as far as the sound tells: after
 * the last detection it was quiet, then something began that is as loud as a word, and as much of
 * it has been heard as it took to detect the keyword before. */
static int said_again(const kws_detector *self, int label)
{
    const int64_t since = frames_since(self);
    const int heard = since < KWS_LONGEST_FRAMES ? (int)since : KWS_LONGEST_FRAMES;
    int first, last, shortest = (4 * self->lengths[label] + 4) / 5;
    shortest = shortest < CLICK ? shortest : CLICK;
    shortest = shortest > SHORTEST ? shortest : SHORTEST;
    if (since <= GAP) {
        return 0;
    }
    loudest_stretch(self, heard, GAP, &first, &last);
    return first - (KWS_LEVEL_FRAMES - heard) > GAP && last - first + 1 >= shortest &&
           KWS_LEVEL_FRAMES - first >= self->delays[label] &&
           loudest(self, first, last) >=
               loudest(self, KWS_LEVEL_FRAMES - KWS_LONGEST_FRAMES, KWS_LEVEL_FRAMES - 1) -
                   AGAIN_RANGE;
}
#endif

/* Say where the word is; returns 0 if it was detected already. */
static int locate(kws_detector *self, kws_detection *found)
{
    int first, last, longest = KWS_LONGEST_FRAMES, gap = GAP;
#if KWS_EXCLUSIVE
    /* the same sound is not two keywords: this one is in what followed the last one */
    const int64_t since = frames_since(self);
    if (since < SHORTEST) {
        return 0;
    }
    longest = since < longest ? (int)since : longest;
#else
    gap = strchr(kws_labels[found->label], ' ') ? PHRASE_GAP : GAP;
#endif
    loudest_stretch(self, longest, gap, &first, &last);
#if KWS_EXCLUSIVE
    if (since < KWS_LONGEST_FRAMES &&
        (last - first + 1 < SHORTEST ||
         loudest(self, first, last) <
             loudest(self, KWS_LEVEL_FRAMES - KWS_LONGEST_FRAMES, KWS_LEVEL_FRAMES - 1) - RANGE)) {
        return 0;
    }
#endif
    const int64_t origin = self->steps * KWS_STEP_FRAMES - KWS_LEVEL_FRAMES;
    found->start = (origin + first) * KWS_HOP;
    found->start = found->start < 0 ? 0 : found->start;
    found->end = (origin + last) * KWS_HOP + KWS_WINDOW;
#if KWS_EXCLUSIVE
    self->spoken_until = found->end;
#endif
    return 1;
}

float kws_detector_score(const kws_detector *self, int label)
{
    float sum = 0.0f;
    for (int row = 0; row < KWS_SMOOTHING_COLUMNS; row++) {
        sum += self->scores[row][label];
    }
    return sum / (float)KWS_SMOOTHING_COLUMNS;
}

/* Take the posteriors of one column; returns how many keywords it completes. */
static int update(kws_detector *self, const int8_t *logits, kws_detection *found)
{
    float smoothed[KWS_LABELS];
    int n, best = 0, count = 0;
    posteriors(logits, self->scores[self->columns % KWS_SMOOTHING_COLUMNS]);
    self->columns++;
    for (n = 0; n < KWS_LABELS; n++) {
        smoothed[n] = kws_detector_score(self, n);
        best = smoothed[n] > smoothed[best] ? n : best;
        if (smoothed[n] < 0.5f * kws_thresholds[n]) {
            self->armed[n] = 1;
        }
    }
    for (n = 0; n < KWS_LABELS; n++) {
        if (smoothed[n] < kws_thresholds[n] || self->columns < self->blocked_until[n] ||
            (KWS_EXCLUSIVE && n != best)) {
            continue;
        }
#if KWS_EXCLUSIVE
        const int again = !self->armed[n];
        if (again && !said_again(self, n)) {
            continue;
        }
#else
        if (!self->armed[n]) {
            continue;
        }
#endif
        self->armed[n] = 0;
        self->blocked_until[n] = self->columns + KWS_REFRACTORY_COLUMNS;
        found[count].label = n;
        found[count].score = smoothed[n];
        if (!locate(self, &found[count])) {
            continue;
        }
#if KWS_EXCLUSIVE
        if (!again) {
            const int64_t delay = self->steps * KWS_STEP_FRAMES - found[count].start / KWS_HOP;
            self->delays[n] = delay < LONGEST_DELAY ? (int32_t)delay : LONGEST_DELAY;
            self->lengths[n] =
                (int32_t)((found[count].end - KWS_WINDOW - found[count].start) / KWS_HOP + 1);
        }
#endif
        count++;
    }
    return count;
}

int kws_detector_push(kws_detector *self, const int16_t *levels, const int8_t *logits,
                      kws_detection *found)
{
    int count = 0;
    remember(self, levels);
    for (int column = 0; column < KWS_COLUMNS; column++) {
        count += update(self, logits + column * KWS_LABELS, found + count);
    }
    return count;
}
