"""What training on sounds takes where nothing is said; TensorFlow is not loaded to know it."""

from __future__ import annotations

from kws.metadata import SegmenterDefaults

#: YAMNet's layer under the head.
TAP = 11
#: Windows made from each clip: the clip as recorded.
COPIES = 1
#: Where a sound begins and ends, in seconds; and the share of the threshold.
SEGMENTER = SegmenterDefaults(smoothing=0.48, release=0.5, shortest=0.16, gap=0.5, thresholds={})
