"""An exported model on a Cortex-M4 and a Cortex-M0+ (QEMU): the same bytes as on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from kws.audio import load_audio
from kws.packaged import packaged_model
from kws_deploy.c.export import export_c

from ...conftest import needs_program

DEMO = Path(__file__).resolve().parents[3] / "demo" / "synthesized_commands.wav"
SAMPLES = 32000
STRICT = ["-O2", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
CORES = {
    "cortex-m4": ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
    "cortex-m0plus": ["-mcpu=cortex-m0plus", "-mthumb"],
}
#: C of the chain that an exporter gives, apart from its main program.
CHAIN = [
    "kws_front_end.c",
    "kws_front_end_tables.c",
    "kws_network.c",
    "kws_kernels.c",
    "kws_detector.c",
    "kws_model.c",
]

#: Prints each step's frames and logits in hexadecimal, and detections.
PROGRAM = r"""
#include <stddef.h>
#include <stdint.h>
#include "kws_detector.h"
#include "kws_front_end.h"
#include "kws_model.h"
#include "kws_network.h"

extern const int16_t sound[];
extern const size_t sound_count;
static kws_front_end front_end;
static kws_network network;
static kws_detector detector;
static int8_t frames[KWS_STEP_FRAMES][KWS_BANDS];
static int16_t levels[KWS_STEP_FRAMES];

#ifdef __arm__
/* ARM semihosting: SYS_WRITE0, and SYS_EXIT after ADP_Stopped_ApplicationExit */
static void call(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}
static void print(const char *text)
{
    call(4, text);
}
#else
#include <stdio.h>
static void print(const char *text)
{
    fputs(text, stdout);
}
#endif

static void print_hexadecimal(const int8_t *bytes, size_t count)
{
    static char text[2 * sizeof frames + 2];
    size_t n;
    for (n = 0; n < count; n++) {
        text[2 * n] = "0123456789abcdef"[((uint8_t)bytes[n]) >> 4];
        text[2 * n + 1] = "0123456789abcdef"[bytes[n] & 15];
    }
    text[2 * count] = '\n';
    text[2 * count + 1] = 0;
    print(text);
}

int main(void)
{
    const int16_t *samples = sound;
    size_t count = sound_count;
    int held = 0, n;
    int8_t logits[KWS_COLUMNS * KWS_LABELS];
    kws_detection found[KWS_MOST_DETECTIONS];
    kws_front_end_reset(&front_end);
    kws_network_reset(&network);
    kws_detector_reset(&detector);
    while (kws_front_end_push(&front_end, &samples, &count, frames[held])) {
        levels[held] = front_end.level;
        if (++held < KWS_STEP_FRAMES) {
            continue;
        }
        held = 0;
        kws_network_step(&network, frames[0], logits);
        print_hexadecimal(frames[0], sizeof frames);
        print_hexadecimal(logits, sizeof logits);
        for (n = kws_detector_push(&detector, levels, logits, found); n > 0; n--) {
            print(kws_labels[found[n - 1].label]);
            print("\n");
        }
    }
#ifdef __arm__
    call(0x18, (const void *)0x20026);
#endif
    return 0;
}

#ifdef __arm__
extern const char stack_top[];
static void start(void)
{
#ifdef __ARM_FP
    *(volatile uint32_t *)0xE000ED88 |= 0xF00000u; /* CPACR: the FPU on */
    __asm__ volatile("dsb\n isb");
#endif
    main();
}
__extension__ __attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    stack_top, __extension__(const void *)start};
#endif
"""

#: QEMU's mps2-an386: 4 MiB of each; nothing is initialized but what is const or 0.
MEMORY = """
MEMORY {
  FLASH (rx) : ORIGIN = 0x00000000, LENGTH = 4M
  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4M
}
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > FLASH
  .ARM.exidx : { *(.ARM.exidx*) } > FLASH
  .data : { *(.data*) } > RAM
  .bss : { *(.bss*) *(COMMON) } > RAM
}
stack_top = ORIGIN(RAM) + LENGTH(RAM);
"""


@pytest.fixture(scope="module")
def tools() -> tuple[str, str]:
    """Return the compiler for a Cortex-M, and the machine that has one."""
    install = "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
    return needs_program("arm-none-eabi-gcc", install), needs_program("qemu-system-arm", install)


@pytest.fixture(scope="module")
def exported(tools: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the model in the package as C, and two seconds of sound with a keyword."""
    folder = tmp_path_factory.mktemp("cortex_m") / "exported"
    export_c(packaged_model(), folder)
    samples = np.rint(load_audio(DEMO, 16000)[:SAMPLES] * 32768).astype(int)
    (folder / "sound.c").write_text(
        "#include <stddef.h>\n#include <stdint.h>\nextern const int16_t sound[];\n"
        "extern const size_t sound_count;\n"
        f"const int16_t sound[] = {{{', '.join(map(str, samples))}}};\n"
        f"const size_t sound_count = {len(samples)};\n"
    )
    (folder / "program.c").write_text(PROGRAM)
    (folder / "memory.ld").write_text(MEMORY)
    return folder


@pytest.mark.parametrize(
    ("core", "kernels"),
    [("cortex-m4", []), ("cortex-m4", ["-DKWS_REFERENCE_KERNELS"]), ("cortex-m0plus", [])],
    ids=["cortex-m4", "cortex-m4-tflm", "cortex-m0plus"],
)
def test_equals_this_machine(
    gcc: str, tools: tuple[str, str], exported: Path, core: str, kernels: list[str]
) -> None:
    compiler, machine = tools
    files = [*CHAIN, "sound.c", "program.c"]
    here, there = f"here{len(kernels)}", f"{core}{len(kernels)}.elf"
    here_command = [gcc, *STRICT, *kernels, *files, "-lm", "-o", here]
    subprocess.run(here_command, cwd=exported, check=True)
    linking = ["-nostartfiles", "--specs=nosys.specs", "-T", "memory.ld", "-lm", "-o", there]
    there_command = [compiler, *CORES[core], *STRICT, *kernels, *files, *linking]
    subprocess.run(there_command, cwd=exported, check=True)
    expected = subprocess.run([exported / here], capture_output=True, check=True, text=True)
    board = ["-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"]
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    found = subprocess.run(
        [machine, *board, *semihosting, "-kernel", there],
        cwd=exported,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0
    lines = expected.stdout.splitlines()
    model = packaged_model().metadata
    assert [line for line in lines if line in model.keywords] == ["yes"]
    steps = model.front_end.frames(SAMPLES) // model.streaming.frames
    assert len(lines) == 2 * steps + 1
    # QEMU writes what a program says to stderr
    assert (found.stdout + found.stderr).splitlines() == lines
