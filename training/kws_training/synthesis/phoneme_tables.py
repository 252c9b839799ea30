"""Tables of phonemes: how they are made, how they are spelled."""

from __future__ import annotations

#: Consonants: place from lips (0) to glottis (9), manner, voice.
CONSONANTS = {
    "p": (0, "stop", 0),
    "b": (0, "stop", 1),
    "t": (3, "stop", 0),
    "d": (3, "stop", 1),
    "k": (6, "stop", 0),
    "ɡ": (6, "stop", 1),
    "q": (7, "stop", 0),
    "ʔ": (9, "stop", 0),
    "f": (1, "fricative", 0),
    "v": (1, "fricative", 1),
    "θ": (2, "fricative", 0),
    "ð": (2, "fricative", 1),
    "s": (3, "fricative", 0),
    "z": (3, "fricative", 1),
    "ʃ": (4, "fricative", 0),
    "ʒ": (4, "fricative", 1),
    "ç": (5, "fricative", 0),
    "x": (6, "fricative", 0),
    "ɣ": (6, "fricative", 1),
    "χ": (7, "fricative", 0),
    "ʁ": (7, "fricative", 1),
    "ħ": (8, "fricative", 0),
    "ʕ": (8, "fricative", 1),
    "h": (9, "fricative", 0),
    "ts": (3, "affricate", 0),
    "dz": (3, "affricate", 1),
    "tʃ": (4, "affricate", 0),
    "dʒ": (4, "affricate", 1),
    "m": (0, "nasal", 1),
    "n": (3, "nasal", 1),
    "ɲ": (5, "nasal", 1),
    "ŋ": (6, "nasal", 1),
    "l": (3, "glide", 1),
    "ɹ": (4, "glide", 1),
    "ɾ": (3, "tap", 1),
    "j": (5, "glide", 1),
    "w": (0, "glide", 1),
}

#: Manners of consonants that listeners confuse more easily than others.
NEAR_MANNERS = (
    {"stop", "affricate"},
    {"fricative", "affricate"},
    {"stop", "tap"},
    {"glide", "tap"},
)

#: Vowels: height from close (0) to open (6), front (0) to back (2), rounded.
VOWELS = {
    "i": (0, 0, 0),
    "y": (0, 0, 1),
    "ɪ": (1, 0.3, 0),
    "ʏ": (1, 0.3, 1),
    "e": (2, 0, 0),
    "ø": (2, 0, 1),
    "ɛ": (4, 0, 0),
    "œ": (4, 0, 1),
    "æ": (5, 0, 0),
    "a": (6, 0.5, 0),
    "ə": (3, 1, 0),
    "ɝ": (3, 1, 1),
    "ʌ": (4, 1.3, 0),
    "ɑ": (6, 2, 0),
    "ɒ": (6, 2, 1),
    "ɔ": (4, 2, 1),
    "o": (2, 2, 1),
    "ʊ": (1, 1.7, 1),
    "u": (0, 2, 1),
    "ɨ": (0, 1, 0),
}

#: Distances of vowels from consonants that are near them.
GLIDES = {("i", "j"): 0.4, ("ɪ", "j"): 0.4, ("u", "w"): 0.4, ("ʊ", "w"): 0.4, ("ɝ", "ɹ"): 0.4}

#: Spellings of one sound, where letters stand in for phonemes: so that hay is hey, and phone fone.
SPELLINGS = (
    ("ph", "f"),
    ("ck", "k"),
    ("qu", "kw"),
    ("tch", "ch"),
    ("igh", "y"),
    ("eigh", "A"),
    ("ai", "A"),
    ("ay", "A"),
    ("ei", "A"),
    ("ey", "A"),
    ("ee", "E"),
    ("ea", "E"),
    ("ie", "E"),
    ("oo", "U"),
    ("ou", "U"),
    ("oa", "O"),
    ("ow", "O"),
    ("au", "o"),
    ("aw", "o"),
    ("wh", "w"),
    ("kn", "n"),
    ("wr", "r"),
    ("ce", "s"),
    ("ci", "si"),
    ("cy", "si"),
    ("c", "k"),
    ("q", "k"),
    ("x", "ks"),
    ("y", "i"),
    ("z", "s"),
)
