/* What is behind `kws` of kws.h: all the memory that a stream takes. */
#ifndef KWS_STREAM_H
#define KWS_STREAM_H

#include "kws.h"
#include "kws_detector.h"
#include "kws_front_end.h"
#include "kws_model.h"
#include "kws_network.h"

struct kws {
    kws_front_end front_end;
    kws_network network;
    kws_detector detector;
    int8_t frames[KWS_STEP_FRAMES][KWS_BANDS];
    int16_t levels[KWS_STEP_FRAMES];
    int32_t held; /* frames that wait for their step */
};

#endif
