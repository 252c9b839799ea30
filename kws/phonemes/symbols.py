"""The phonemes of English as the packaged dictionary writes them, and the outputs of a network."""

from __future__ import annotations

#: The phonemes: those of CMUdict in lower case, and ax, the vowel of syllables without stress.
PHONEMES = (
    *("aa", "ae", "ah", "ao", "aw", "ax", "ay", "b", "ch", "d"),
    *("dh", "eh", "er", "ey", "f", "g", "hh", "ih", "iy", "jh"),
    *("k", "l", "m", "n", "ng", "ow", "oy", "p", "r", "s"),
    *("sh", "t", "th", "uh", "uw", "v", "w", "y", "z", "zh"),
)
#: Task of a model file whose network writes down phonemes.
PHONEME_TASK = "phonemes"
#: What a network gives for "no new phoneme", as connectionist temporal classification has it.
BLANK = "_blank_"
#: What a network gives for "somebody speaks", whatever is said.
VOICE = "_voice_"
#: Outputs of a phoneme network, in order: the blank and the phonemes, of which one softmax is
#: taken, and the voice, of which a sigmoid is.
OUTPUTS = (BLANK, *PHONEMES, VOICE)
#: Place of the blank among the outputs. A phoneme's place is that in `PHONEMES`, plus one.
BLANK_INDEX = 0
#: Place of the voice among the outputs.
VOICE_INDEX = len(OUTPUTS) - 1
