# SPDX-License-Identifier: BSD-2-Clause
"""format() of generated values and specifications. Runs on 3.6 to 3.15. Argument: a seed.

Each line of output: KIND value spec result, separated by tabs; texts are hex of UTF-8.
    KIND    i (int, decimal), b (bool, 0 or 1), f (float, float.hex()), s (str, hex), n (None, empty)
    result  hex, or "!" where format() raises
"""
import random
import sys

rng = random.Random(int(sys.argv[1]))
FILLS = ["", "", "", "*", "0", " ", "é", "😀", "<", "x"]
ALIGNS = ["<", ">", "=", "^"]


def spec(kind):
    out = ""
    if rng.random() < 0.5:
        out += rng.choice(FILLS) + rng.choice(ALIGNS)
    if rng.random() < (0.4 if kind != "s" else 0.1):
        out += rng.choice("+- ")
    if sys.version_info >= (3, 11) and rng.random() < 0.15:
        out += "z"
    if rng.random() < (0.25 if kind != "s" else 0.05):
        out += "#"
    if rng.random() < 0.2:
        out += "0"
    if rng.random() < 0.6:
        out += str(rng.choice([0, 1, 2, 5, 8, 12, 13, 20, 33]))
    if rng.random() < (0.3 if kind != "s" else 0.05):
        out += rng.choice(",_")
    if rng.random() < (0.5 if kind in "fs" else 0.1):
        out += "." + str(rng.choice([0, 1, 2, 3, 6, 10, 17, 25]))
        if sys.version_info >= (3, 14) and rng.random() < 0.2:
            out += rng.choice(",_")
    if rng.random() < 0.7:
        good = {"i": "bcdoxXndddeEfFgG%", "b": "bcdoxXnd", "f": "eEfFgGn%", "s": "s", "n": "s"}[kind]
        out += rng.choice(good if rng.random() < 0.95 else "bcdeEfFgGnosxX%qé,.")
    return out


def values():
    big = rng.getrandbits(rng.choice([3, 8, 20, 31, 64, 65, 200]))
    ints = [0, 1, -1, 65, 1234567, -1234567890123, 0x10ffff, 0x110000, 10**400, big, -big, big % 1000]
    scale = 10.0 ** rng.randint(-320, 308) if rng.random() < 0.3 else 10.0 ** rng.randint(-8, 20)
    floats = [0.0, -0.0, 0.5, 1.5, 2.5, 1e16, 1e15, 123456.0, 1e-5, 1e-4, float("inf"), float("-inf"), float("nan"),
              5e-324, 1.7976931348623157e308, rng.random() * scale, -rng.random() * scale, rng.random() * 1e6,
              float(rng.randint(-10**6, 10**6)), rng.randint(0, 9999) / 100.0, 9.999999, 0.0001234]
    strs = ["", "a", "hello world", "naïve", "日本語", "😀x", "x" * 40, "\u0000tab\t"]
    return [("i", rng.choice(ints)), ("i", big), ("b", rng.random() < 0.5), ("f", rng.choice(floats)),
            ("f", rng.choice(floats)), ("s", rng.choice(strs)), ("n", None)]


def hexed(text):
    return text.encode("utf-8").hex()


def main():
    for _ in range(900):
        for kind, value in values():
            if kind == "n" and rng.random() < 0.8:
                continue
            text = spec(kind)
            try:
                result = hexed(format(value, text))
            except (ValueError, TypeError, OverflowError):
                result = "!"
            shown = {"i": str, "b": lambda b: str(int(b)), "f": float.hex, "s": hexed, "n": lambda n: ""}[kind](value)
            print("\t".join([kind, shown, hexed(text), result]))
    print("end")


main()
