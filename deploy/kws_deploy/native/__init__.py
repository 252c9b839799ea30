"""Models as programs and libraries: the C chain, compiled for other machines than this one."""
