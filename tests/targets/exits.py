# SPDX-License-Identifier: BSD-2-Clause
"""Says what it was given, and ends with the status that it was given: exits.py STATUS [WORD ...]"""
import os
import sys


print(os.environ.get("SHOP"), sys.argv[2:])
sys.exit(int(sys.argv[1]))
