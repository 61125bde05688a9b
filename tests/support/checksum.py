# SPDX-License-Identifier: BSD-2-Clause
"""What targets/checksum.py must have computed."""
A, C, MOD = 6364136223846793005, 1442695040888963407, 1 << 64


def after(n, x):
    """The generator's value n steps after x: by squaring, not by stepping."""
    mul, add, a, c = 1, 0, A, C
    while n:
        if n & 1:
            mul, add = mul * a % MOD, (add * a + c) % MOD
        a, c = a * a % MOD, (a * c + c) % MOD
        n >>= 1
    return (mul * x + add) % MOD
