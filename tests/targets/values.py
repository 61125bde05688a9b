# SPDX-License-Identifier: BSD-2-Clause
"""Values of all kinds, and what Python itself says of them. Runs on 3.6 to 3.15.

Each line of output: KIND, then fields separated by tabs; texts are hex of UTF-8 (surrogates passed).
    V name repr str truth     VALUES[name]; truth 0, 1
    A name attr repr          getattr(VALUES[name], attr); "-": AttributeError; "!": must be refused
    I name key repr           VALUES[name][key], key as in Python; "-": KeyError, IndexError; "!": refused
    T name class              type(VALUES[name]) is derived from a class of that name
    F depth function          a frame of the main thread, innermost first
    L name repr               a local variable of that frame
    G name repr               a name of its f_locals mapping (module, class body)
    end
Then it sleeps.
"""
import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import itertools
import math
import os
import pathlib
import random
import re
import sys
import time
import types
import uuid
import warnings
import weakref

try:
    import dataclasses
except ImportError:
    dataclasses = None

NEW = sys.version_info
VALUES = collections.OrderedDict()
EXPECT = {}  # name: text that is expected in place of repr()
ATTRS = []
ITEMS = []
rng = random.Random(20240229)


def default(x):
    return object.__repr__(x)


def add(name, value, *expect):
    assert name not in VALUES, name
    VALUES[name] = value
    if expect:
        EXPECT[name] = expect[0]


def numbers():
    for i, n in enumerate([0, 1, -1, 2, 255, 256, 257, -5, -6, 2**15, 2**30 - 1, 2**30, -2**30, 2**31, 2**32, 2**60 - 1, 2**60,
                           2**63 - 1, 2**63, -2**63, 2**64, -2**64, 10**18, 10**19, 3**200, -7**333, 2**3000, 10**1000 + 1]):
        add("int%d" % i, n)
    for i in range(150):
        add("rint%d" % i, rng.getrandbits(rng.randint(1, 400)) * rng.choice((1, -1)))
    for i, f in enumerate([0.0, -0.0, 1.0, -1.5, 0.1, 1 / 3, 1e15, 1e16, 1e17, 123456789012345678.0, 1e-4, 1e-5, 1.5e-7, 1e22, 1e23,
                           5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, float("inf"), -float("inf"), float("nan"),
                           math.pi, 100.0, 1e100, 9007199254740993.0, 0.30000000000000004, 2.0**-1000, 2.0**-44]):
        add("float%d" % i, f)
    for i in range(150):
        add("rfloat%d" % i, rng.uniform(-1, 1) * 10.0 ** rng.randint(-320, 305))
    for i, c in enumerate([0j, 1j, -1j, 1 + 2j, complex(-0.0, 1), complex(0.0, -0.0), complex(-0.0, -0.0), complex(1.5, -2.5e20),
                           complex(float("inf"), float("nan")), complex(float("nan"), -float("inf")), complex(1e16, 1e-7)]):
        add("complex%d" % i, c)
    add("true", True)
    add("false", False)
    add("none", None)
    add("ellipsis", Ellipsis)
    add("notimplemented", NotImplemented)


def texts():
    samples = ["", "a", "abc", "it's", 'say "hi"', "both ' and \"", "\\", "tab\tnl\ncr\r", "\x00", "\x1b[31m", "\x7f", "\x80\x9f",
               "\xa0", "\xad", "\xe9", "\xff", "\u0100", "\u20ac", "\u2028\u2029", "\u200b", "\ufeff", "\ue000", "\ud800", "\udfff",
               "a\udc80b", "\U0001f600", "\U0001f9ff", "\U0010ffff", "\U000e0001", "mixed \xe9 \u20ac \U0001f600", "x" * 1000,
               "\xe9" * 1000, "\u20ac" * 1000, "\U0001f600" * 500, "\ufdd0", "\uffff", "\u0378", "\u1c8a", "\u0897", "nul\0in"]
    for i, s in enumerate(samples):
        add("str%d" % i, s)
    for i in range(200):
        top = rng.choice((0x7f, 0xff, 0xffff, 0x10ffff, 0x3000))
        add("rstr%d" % i, "".join(chr(rng.randint(0, top)) for _ in range(rng.randint(0, 40))))
    for i, b in enumerate([b"", b"a", b"it's", b'"', b"'\"", b"\\", bytes(range(256)), b"\n\r\t\0"]):
        add("bytes%d" % i, b)
        add("bytearray%d" % i, bytearray(b))
    moved = bytearray(b"0123456789" * 20)
    del moved[:7]
    add("bytearray_moved", moved)
    for i in range(30):
        add("rbytes%d" % i, bytes(rng.getrandbits(8) for _ in range(rng.randint(0, 50))))


def containers():
    add("list0", [])
    add("list1", [1])
    add("list3", [1, "two", 3.0])
    add("nested", [[1, [2, [3, []]]], (), {}, set(), frozenset()])
    add("tuple0", ())
    add("tuple1", (1,))
    add("tuple2", (1, (2,)))
    add("dict0", {})
    add("dict1", {"a": 1})
    add("dict_mixed", {1: "a", "b": 2, None: 3, (1, 2): [4], 1.5: b"x", 7: 0})
    add("dict_big", {i: i * i for i in range(500)})
    add("dict_big_str", {"key%d" % i: i for i in range(500)})
    add("dict_huge", {i: None for i in range(70000)})
    d = {str(i): i for i in range(100)}
    for i in range(0, 100, 3):
        del d[str(i)]
    add("dict_holes", d)
    d = {"a": 1, "b": 2}
    d.popitem()
    d["c"] = 3
    add("dict_popped", d)
    d = {"only": "str"}
    d[5] = "no longer"
    add("dict_general", d)
    add("dict_empty_after", {1: 1})
    VALUES["dict_empty_after"].clear()
    add("set0", set())
    add("set1", {1})
    add("set_ints", set(range(50)))
    add("set_strs", {"a", "b", "c", "dd", "eee"})
    s = set(range(200))
    for i in range(0, 200, 2):
        s.discard(i)
    add("set_holes", s)
    add("frozenset0", frozenset())
    add("frozenset3", frozenset([1, 2, "x"]))
    add("set_nested", {frozenset([1]), (1, 2)})
    for i, r in enumerate([range(0), range(5), range(1, 5), range(1, 10, 2), range(5, 0, -1), range(2**70), range(-3, 3)]):
        add("range%d" % i, r)
    for i, s in enumerate([slice(None), slice(1), slice(1, 2, 3), slice("a", None, [1])]):
        add("slice%d" % i, s)
    rec = [1]
    rec.append(rec)
    add("rec_list", rec)
    rec = {}
    rec["self"] = rec
    rec["list"] = [rec, {"x": rec}]
    add("rec_dict", rec)
    rec = ([],)
    rec[0].append(rec)
    add("rec_tuple", rec)
    add("shared", [VALUES["list1"], VALUES["list1"]])
    rec = collections.deque()
    rec.append(rec)
    add("rec_deque", rec)
    rec = collections.OrderedDict()
    rec["me"] = rec
    add("rec_odict", rec, "OrderedDict([('me', ...)])" if NEW < (3, 12) else "OrderedDict({'me': ...})")
    rec = collections.defaultdict(list)
    rec["me"] = rec
    add("rec_defaultdict", rec)
    add("deque0", collections.deque())
    add("deque", collections.deque(range(5)))
    add("deque_max", collections.deque([1, 2, 3], maxlen=2))
    add("deque_max0", collections.deque([], 0))
    d = collections.deque(range(300))
    d.rotate(77)
    for _ in range(30):
        d.popleft()
    add("deque_long", d)
    add("odict0", collections.OrderedDict())
    od = collections.OrderedDict((c, i) for i, c in enumerate("abcdef"))
    add("odict", od)
    od = collections.OrderedDict(od)
    od.move_to_end("b")
    od.move_to_end("e", last=False)
    del od["c"]
    add("odict_moved", od)
    add("defaultdict", collections.defaultdict(int, a=1))
    add("defaultdict0", collections.defaultdict(None))
    add("defaultdict_list", collections.defaultdict(list, {1: [2]}))
    add("counter0", collections.Counter())
    add("counter", collections.Counter("hello world, this is a counter"))
    add("mappingproxy", types.MappingProxyType({"a": [1]}))
    for name in ("dict0", "dict1", "dict_mixed"):
        add(name + "_keys", VALUES[name].keys())
        add(name + "_values", VALUES[name].values())
        add(name + "_items", VALUES[name].items())
    if NEW >= (3, 15):
        add("frozendict", eval("frozendict({'a': 1, 2: 'b'})"))
        add("frozendict0", eval("frozendict()"))


Point = collections.namedtuple("Point", "x y")
Empty = collections.namedtuple("Empty", "")


class SubPoint(Point):
    __slots__ = ()


class OwnPoint(Point):
    def __repr__(self):
        raise SystemExit("run!")


class L(list):
    pass


class T(tuple):
    pass


class D(dict):
    pass


class S(set):
    pass


class FS(frozenset):
    pass


class Str(str):
    pass


class Int(int):
    pass


class Flt(float):
    pass


class Byt(bytes):
    pass


class BA(bytearray):
    pass


class DQ(collections.deque):
    pass


class OD(collections.OrderedDict):
    pass


class DD(collections.defaultdict):
    pass


class CN(collections.Counter):
    pass


class OwnRepr:
    def __init__(self):
        self.x = 1

    def __repr__(self):
        raise SystemExit("run!")

    def __str__(self):
        raise SystemExit("run!")


class OwnReprList(list):
    def __repr__(self):
        raise SystemExit("run!")


class Plain:
    """What it says."""
    cls_attr = [1, 2]

    def __init__(self, n=0):
        self.x = n
        self.y = "why"
        self.z = [n]

    def method(self, a):
        return a

    @classmethod
    def cmethod(cls):
        return cls

    @staticmethod
    def smethod():
        return 0

    @property
    def prop(self):
        raise SystemExit("run!")

    class Inner:
        pass


class Child(Plain):
    more = 5

    def __bool__(self):
        raise SystemExit("run!")


class Slots:
    __slots__ = ("a", "b", "__weakref__")

    def __init__(self):
        self.a = 1


class SlotsChild(Slots):
    __slots__ = ("c",)

    def __init__(self):
        Slots.__init__(self)
        self.c = "sea"


class SlotsDict(Slots):
    def __init__(self):
        Slots.__init__(self)
        self.d = 4


class GetAttr:
    def __getattr__(self, name):
        raise SystemExit("run!")


class GetAttribute:
    def __getattribute__(self, name):
        raise SystemExit("run!")


class Desc:
    def __get__(self, obj, cls):
        raise SystemExit("run!")


class DataDesc(Desc):
    def __set__(self, obj, value):
        raise SystemExit("run!")


class WithDesc:
    nd = Desc()
    dd = DataDesc()

    def __init__(self):
        self.__dict__["nd"] = "mine"
        self.__dict__["dd"] = "not seen"


class QuietMeta(type):
    meta_attr = 3

    def meta_method(cls):
        return cls


class Meta(QuietMeta):
    def __repr__(cls):
        raise SystemExit("run!")


MetaUser = Meta("MetaUser", (), {"here": 1})
QuietUser = QuietMeta("QuietUser", (), {"here": 1})


class Missing(dict):
    def __missing__(self, key):
        raise SystemExit("run!")


class GetItem(list):
    def __getitem__(self, i):
        raise SystemExit("run!")


def attr_values():
    add("L", L([1, 2]))
    add("T", T((1, 2)))
    add("D", D(a=1))
    add("S", S([1]))
    add("S0", S())
    add("FS", FS([1]))
    add("Str", Str("sub"))
    add("Int", Int(5))
    add("Flt", Flt(2.5))
    add("Byt", Byt(b"x"))
    add("BA", BA(b"x"))
    add("DQ", DQ([1]))
    add("DQmax", DQ([1], 3))
    add("OD", OD(a=1))
    add("OD0", OD())
    add("DD", DD(int, a=1))
    add("CN", CN("aab"))
    for name in ("L", "T", "D", "S", "FS", "Str", "Int", "Flt", "Byt", "BA", "DQ", "OD", "DD", "CN"):
        VALUES[name].tag = name
        ATTRS.append((name, "tag"))
    add("Int_big", Int(-2**200))
    add("Int0", Int(0))
    add("T5", T((1, 2, 3, 4, 5)))
    for name in ("Int_big", "Int0", "T5"):
        VALUES[name].tag = [name]
        ATTRS.append((name, "tag"))
    add("own_repr", OwnRepr(), default)
    add("own_repr_list", OwnReprList([1]), "[1]")
    add("plain", Plain(3))
    add("child", Child(4))
    add("slots", Slots())
    add("slots_child", SlotsChild())
    add("slots_dict", SlotsDict())
    add("getattr", GetAttr())
    add("getattribute", GetAttribute())
    add("desc", WithDesc())
    late = Plain(1)
    late.extra = 1
    del late.y
    late.y = "again"
    add("late", late)
    many = Plain(1)
    for i in range(60):
        setattr(many, "a%d" % i, i)
    add("many", many)
    made = Plain(2)
    made.__dict__["via dict"] = 1
    add("dict_made", made)
    add("point", Point(1, [2]))
    add("empty_point", Empty())
    add("sub_point", SubPoint(1, 2))
    add("own_point", OwnPoint(1, 2), "(1, 2)")
    add("plain_class", Plain)
    add("inner_class", Plain.Inner)
    add("int_class", int)
    add("odict_class", collections.OrderedDict)
    add("meta_user", MetaUser, "<class '__main__.MetaUser'>")
    add("quiet_user", QuietUser)
    add("missing", Missing(a=1))
    add("getitem", GetItem([1]))
    add("object", object())
    add("namespace", types.SimpleNamespace(b=1, a=[2]))
    add("namespace0", types.SimpleNamespace())
    add("struct_time", time.struct_time((2020, 1, 2, 3, 4, 5, 6, 7, 0)))
    add("version_info", sys.version_info)
    add("float_info", sys.float_info)
    ATTRS.extend([
        ("plain", "x"), ("plain", "y"), ("plain", "z"), ("plain", "cls_attr"), ("plain", "method"), ("plain", "cmethod"),
        ("plain", "smethod"), ("plain", "prop"), ("plain", "nothing"), ("plain", "__class__"), ("plain", "__dict__"),
        ("plain", "__doc__"), ("plain", "__module__"), ("plain", "Inner"), ("child", "x"), ("child", "more"), ("child", "cls_attr"),
        ("child", "method"), ("slots", "a"), ("slots", "b"), ("slots_child", "a"), ("slots_child", "c"), ("slots_dict", "d"),
        ("slots_dict", "a"), ("getattr", "x"), ("getattribute", "x"), ("desc", "nd"), ("desc", "dd"), ("late", "extra"), ("late", "y"),
        ("many", "a59"), ("many", "x"), ("dict_made", "via dict"), ("dict_made", "__dict__"), ("late", "__dict__"),
        ("point", "x"), ("point", "y"), ("point", "_fields"), ("sub_point", "y"),
        ("plain_class", "__name__"), ("plain_class", "__qualname__"), ("inner_class", "__qualname__"), ("plain_class", "__module__"),
        ("plain_class", "cls_attr"), ("plain_class", "method"), ("plain_class", "cmethod"), ("plain_class", "smethod"),
        ("plain_class", "__doc__"), ("plain_class", "prop"), ("plain_class", "nothing"), ("plain_class", "__mro__"),
        ("plain_class", "__bases__"), ("plain_class", "__base__"), ("int_class", "__name__"), ("int_class", "__mro__"),
        ("int_class", "__module__"), ("meta_user", "meta_attr"), ("meta_user", "here"), ("quiet_user", "meta_method"),
        ("namespace", "a"), ("struct_time", "tm_year"), ("struct_time", "tm_sec"), ("version_info", "major"),
        ("int24", "real"), ("int24", "imag"), ("int24", "numerator"), ("int24", "denominator"), ("true", "real"),
        ("float5", "real"), ("float5", "imag"), ("complex3", "real"), ("complex3", "imag"),
        ("range3", "start"), ("range3", "stop"), ("range3", "step"), ("slice2", "start"), ("slice2", "stop"), ("slice2", "step"),
        ("deque_max", "maxlen"), ("deque", "maxlen"), ("defaultdict", "default_factory"), ("list3", "append"), ("list3", "nothing"),
        ("D", "keys"), ("str2", "upper"), ("object", "__class__"), ("none", "__class__"), ("odict", "items"),
    ])
    ITEMS.extend([
        ("list3", 0), ("list3", -1), ("list3", 3), ("list3", True), ("tuple2", 1), ("str29", 7), ("str29", -1), ("str0", 0),
        ("str35", 0), ("bytes6", 200), ("bytearray6", -1), ("bytearray_moved", 0), ("range3", 2), ("range3", -1), ("range3", 99),
        ("range5", 2**69), ("deque_long", 0), ("deque_long", 150), ("deque_long", -1), ("deque_long", 999), ("dict1", "a"),
        ("dict1", "z"), ("dict_mixed", 1), ("dict_mixed", True), ("dict_mixed", 1.0), ("dict_mixed", None), ("dict_mixed", (1, 2)),
        ("dict_mixed", 1.5), ("dict_big", 499), ("dict_big_str", "key499"), ("dict_holes", "3"), ("dict_holes", "4"), ("odict_moved", "b"),
        ("defaultdict", "a"), ("defaultdict", "new"), ("missing", "a"), ("missing", "b"), ("getitem", 0), ("mappingproxy", "a"),
        ("point", 1), ("L", 1), ("D", "a"), ("CN", "a"),
    ])


def func(a, b=2, *c, d=4, **e):
    """doc"""
    return a


def gen(n):
    yield n
    yield n + 1


async def coro():
    pass


async def agen():
    yield 1


def functions():
    def closure(x):
        def inner():
            return x
        return inner

    add("func", func)
    add("lambda", lambda: 0)
    add("closure", closure([1]))
    add("method", VALUES["plain"].method)
    add("cmethod", Plain.cmethod)
    add("list_method", VALUES["L"].append)
    add("len", len)
    add("time_time", time.time)
    add("fromkeys", dict.fromkeys)
    add("str_upper", str.upper)
    add("int_add", int.__add__)
    add("int5_add", (5).__add__)
    add("int_real", int.__dict__["real"])
    add("slice_start", slice.__dict__["start"])
    add("dict_fromkeys", dict.__dict__["fromkeys"])
    add("property", Plain.__dict__["prop"])
    add("classmethod", Plain.__dict__["cmethod"])
    add("staticmethod", Plain.__dict__["smethod"])
    g = gen(5)
    add("gen_new", gen(6))
    next(g)
    add("gen", g)
    done = gen(1)
    list(done)
    add("gen_done", done)
    c = coro()
    add("coro", c)
    add("agen", agen())
    add("code", func.__code__)
    add("sys", sys)
    add("time", time)
    add("collections", collections)
    add("main", sys.modules["__main__"])
    add("types_module", types.ModuleType("made_up"))
    add("weakref", weakref.ref(VALUES["plain"]))
    add("weakref_class", weakref.ref(Plain))
    add("weakref_func", weakref.ref(func))
    gone = Plain()
    add("weakref_dead", weakref.ref(gone))
    del gone
    add("partial", functools.partial(func, 1, d=[2]))
    add("partial0", functools.partial(len))
    add("memoryview", memoryview(b"abc"))
    add("cell", VALUES["closure"].__closure__[0])
    add("list_iter", iter([1]))
    add("zip", zip([1], [2]))
    add("map", map(len, []))
    add("chain", itertools.chain([1]))
    ATTRS.extend([
        ("func", "__name__"), ("func", "__qualname__"), ("func", "__code__"), ("func", "__defaults__"), ("func", "__kwdefaults__"),
        ("func", "__doc__"), ("func", "__module__"), ("func", "__closure__"), ("func", "nothing"), ("closure", "__closure__"),
        ("method", "__func__"), ("method", "__self__"), ("method", "__name__"), ("gen", "__name__"), ("gen", "gi_code"),
        ("gen", "gi_running"), ("coro", "__qualname__"), ("code", "co_name"), ("code", "co_filename"), ("code", "co_argcount"),
        ("code", "co_firstlineno"), ("code", "co_consts"), ("code", "co_names"), ("sys", "maxsize"), ("sys", "__name__"), ("sys", "nothing"),
        ("partial", "func"), ("partial", "args"), ("partial", "keywords"), ("cell", "cell_contents"), ("len", "__name__"),
        ("property", "fget"),
    ])


class Color(enum.Enum):
    RED = 1
    GREEN = "g"
    ALIAS = 1


class Perm(enum.Flag):
    R = 4
    W = 2
    X = 1


class IPerm(enum.IntFlag):
    R = 4
    W = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 10


class SColor(str, enum.Enum):
    A = "aa"


class OwnEnum(enum.Enum):
    A = 1

    def __repr__(self):
        raise SystemExit("run!")


def enums():
    add("color", Color.RED)
    add("color_g", Color.GREEN)
    add("color_class", Color)
    add("perm", Perm.R)
    add("perm_rw", Perm.R | Perm.W)
    add("perm_rwx", Perm.R | Perm.W | Perm.X)
    add("perm0", Perm(0))
    add("perm_class", Perm)
    add("iperm", IPerm.R)
    add("iperm_rw", IPerm.R | IPerm.W)
    add("level", Level.HIGH)
    add("scolor", SColor.A)
    add("own_enum", OwnEnum.A, default)
    ATTRS.extend([("color", "name"), ("color", "value"), ("color_class", "RED"), ("level", "value"), ("color_class", "NOPE"),
                  ("color", "_value_"), ("level", "real")])


def dataclass_values():
    if not dataclasses:
        return
    space = {"dataclasses": dataclasses, "typing": __import__("typing"), "__name__": "__main__"}
    exec(
        "from dataclasses import dataclass, field\n"
        "@dataclass\n"
        "class DC:\n"
        "    a: int\n"
        "    b: list\n"
        "    hidden: int = field(default=3, repr=False)\n"
        "    cv: typing.ClassVar[int] = 9\n"
        "    iv: dataclasses.InitVar[int] = 1\n"
        "    c: object = None\n"
        "@dataclass\n"
        "class DCChild(DC):\n"
        "    d: str = 'dee'\n"
        "@dataclass(frozen=True)\n"
        "class DC0:\n"
        "    pass\n"
        "@dataclass\n"
        "class DCOwn:\n"
        "    a: int = 1\n"
        "    def __repr__(self):\n"
        "        raise SystemExit('run!')\n"
        "@dataclass(repr=False)\n"
        "class DCNo:\n"
        "    a: int = 1\n"
        "class DCSub(DC0):\n"
        "    pass\n", space)
    DC = space["DC"]
    add("dc", DC(1, [2]))
    add("dc_nested", DC(DC(1, []), [DC(2, [])]))
    add("dc_child", space["DCChild"](1, []))
    add("dc0", space["DC0"]())
    add("dc_own", space["DCOwn"](), default)
    add("dc_no", space["DCNo"]())
    add("dc_sub", space["DCSub"]())
    rec = DC(1, [])
    rec.b.append(rec)
    add("dc_rec", rec)
    extra = DC(1, [])
    extra.more = 1
    add("dc_extra", extra)
    ATTRS.extend([("dc", "a"), ("dc", "hidden"), ("dc", "cv"), ("dc_extra", "more")])
    if NEW >= (3, 10):
        exec("@dataclasses.dataclass(slots=True)\nclass DCSlots:\n    a: int\n    b: str = 'x'\n", space)
        add("dc_slots", space["DCSlots"](7))
        ATTRS.append(("dc_slots", "b"))


class MyError(Exception):
    def __init__(self, a, b):
        Exception.__init__(self, a, b)
        self.a = a


class StrError(ValueError):
    def __str__(self):
        raise SystemExit("run!")


def caught(f, *args):
    try:
        f(*args)
    except BaseException as e:
        return e
    raise AssertionError


def chained():
    try:
        try:
            {}["key"]
        except KeyError as e:
            raise ValueError("outer") from e
    except ValueError as e:
        return e


def exceptions():
    add("exc0", ValueError())
    add("exc1", ValueError("x"))
    add("exc2", ValueError("x", 2))
    add("exc_key", caught(lambda: {}["nope"]))
    add("exc_zero", caught(lambda: 1 // 0))
    add("exc_os", caught(open, "/nonexistent/file"))
    add("exc_os2", OSError(5, "no file name"))
    add("exc_os0", OSError("only text"))
    add("exc_os4", OSError(2, "two", "a", None, "b"))
    add("exc_my", MyError(1, "b"))
    add("exc_stop", StopIteration(5))
    add("exc_exit", SystemExit(3))
    add("exc_import", caught(__import__, "no_such_module_here"))
    for i, (args, kw) in enumerate([(("m",), {}), ((), {"name": "n"}), (("m",), {"path": "p"}), (("m", "b"), {"name": "n", "path": None})]):
        add("exc_import%d" % i, ImportError(*args, **kw))
    add("exc_syntax", caught(compile, "x = = 1\n", "/some/dir/file.py", "exec"))
    add("exc_chain", chained())
    add("exc_nested", ValueError(ValueError("in"), [1]))
    if NEW >= (3, 11):
        add("exc_group", eval("ExceptionGroup('many', [ValueError(1), TypeError('t')])"))
    ATTRS.extend([("exc2", "args"), ("exc_os", "errno"), ("exc_os", "filename"), ("exc_os", "strerror"), ("exc_my", "a"),
                  ("exc_stop", "value"), ("exc_exit", "code"), ("exc_chain", "__cause__"), ("exc_chain", "__context__"),
                  ("exc_chain", "__suppress_context__"), ("exc1", "__cause__"), ("exc1", "__traceback__"), ("exc_import", "name")])


class Zone(datetime.tzinfo):
    def utcoffset(self, dt):
        raise SystemExit("run!")


class MyDate(datetime.date):
    pass


def library():
    dt, delta, zone = datetime.datetime, datetime.timedelta, datetime.timezone
    add("date", datetime.date(2020, 2, 29))
    add("my_date", MyDate(1, 2, 3))
    add("time0", datetime.time())
    add("time_s", datetime.time(1, 2, 3))
    add("time_us", datetime.time(1, 2, 3, 4, zone.utc))
    add("time_fold", datetime.time(1, 2, fold=1))
    add("dt", dt(2020, 1, 2))
    add("dt_s", dt(2020, 1, 2, 3, 4, 5))
    add("dt_us", dt(2020, 1, 2, 3, 4, 5, 678901))
    add("dt_utc", dt(2020, 1, 2, tzinfo=zone.utc))
    add("dt_zone", dt(2020, 1, 2, tzinfo=zone(delta(hours=-5, minutes=-30))))
    add("dt_fold", dt(2020, 1, 2, fold=1, tzinfo=zone.utc))
    add("dt_max", dt.max)
    for i, d in enumerate([delta(0), delta(1), delta(-1), delta(0, 5), delta(0, 0, 7), delta(1, 2, 3), delta(hours=-1), delta.max, delta.min,
                           delta(days=2, microseconds=5)]):
        add("delta%d" % i, d)
    add("utc", zone.utc)
    add("zone", zone(delta(hours=2)))
    add("zone_name", zone(delta(hours=2), "CEST"))
    for i, s in enumerate(["0", "-0", "1", "1.50", "123.456", "1E+5", "1e-10", "-1.5E-7", "0.000001", "0.0000001", "NaN", "sNaN", "-Infinity",
                           "Infinity", "NaN123", "0E+3", "0E-10", "1" * 60 + "." + "2" * 60, "1E+999999", "10", "100E-2", "12345678901234567890"]):
        add("decimal%d" % i, decimal.Decimal(s))
    for i, f in enumerate(["0", "1/3", "-7/2", "5"]):
        add("fraction%d" % i, fractions.Fraction(f))
    add("uuid", uuid.UUID(int=0x123456789abcdef))
    for i, p in enumerate([(".",), ("",), ("/",), ("//",), ("///a",), ("//a",), ("a//b/./c",), ("/usr", "lib"), ("a", "/b", "c"), ("..", "x/"),
                           ("it's",), ("\u20ac", "\x01")]):
        add("path%d" % i, pathlib.Path(*p))
        add("fresh_path%d" % i, pathlib.PurePosixPath(*p), repr(pathlib.PurePosixPath(*p)))
    for i, p in enumerate([("a+",), ("a", re.I), ("a", re.I | re.M | re.S | re.X), (b"a",), ("a", re.A), (b"a", re.L), ("'" + "x" * 300,)]):
        add("pattern%d" % i, re.compile(*p))
    for code in "bBhHiIlLqQ":
        add("array_" + code, array.array(code, [1, 2, 100]))
    add("array_f", array.array("f", [0.1, 1e20]))
    add("array_d", array.array("d", [0.1, float("nan")]))
    add("array0", array.array("d"))
    add("array_neg", array.array("h", [-1, -32768]))
    for i in range(60):
        add("rdecimal%d" % i, decimal.Decimal(rng.getrandbits(rng.randint(1, 300))).scaleb(rng.randint(-60, 60)))
    ATTRS.extend([("date", "year"), ("dt_us", "month"), ("dt_us", "microsecond"), ("dt_us", "tzinfo"), ("dt_utc", "tzinfo"), ("time_us", "hour"),
                  ("time_us", "microsecond"), ("time_us", "tzinfo"), ("time_fold", "fold"), ("delta5", "days"), ("delta5", "microseconds"),
                  ("dt_s", "day"), ("dt_s", "nothing"), ("dt_max", "max")])


def hexed(text):
    return text.encode("utf-8", "surrogatepass").hex()


def show(x):
    """What we expect repr() of an attribute or item to be."""
    for name, v in VALUES.items():
        if v is x and name in EXPECT:
            return EXPECT[name](x) if callable(EXPECT[name]) else EXPECT[name]
    return repr(x)


def out(*fields):
    sys.stdout.write("\t".join(fields) + "\n")


def report():
    refused = {("plain", "prop"), ("child", "prop"), ("getattr", "x"), ("getattribute", "x"), ("desc", "dd"), ("defaultdict", "new"),
               ("missing", "b"), ("getitem", 0)}
    quiet = {"StrError"}
    for name, v in VALUES.items():
        want = EXPECT.get(name)
        text = want(v) if callable(want) else want if want is not None else repr(v)
        own = callable(want) or name in ("own_repr_list", "own_point", "rec_odict", "meta_user") or type(v).__name__ in quiet
        try:
            string = text if own else str(v)
        except SystemExit:
            string = text
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                truth = str(int(bool(v)))
        except (SystemExit, TypeError):
            truth = "-1"
        out("V", name, hexed(text), hexed(string), truth)
        for c in type(v).__mro__:
            out("T", name, c.__name__)
    for name, attr in ATTRS:
        if (name, attr) in refused:
            out("A", name, attr, "!")
            continue
        try:
            out("A", name, attr, hexed(show(getattr(VALUES[name], attr))) or "''")
        except AttributeError:
            out("A", name, attr, "-")
    for name, key in ITEMS:
        if (name, key) in refused:
            out("I", name, repr(key), "!")
            continue
        try:
            out("I", name, repr(key), hexed(show(VALUES[name][key])))
        except (KeyError, IndexError):
            out("I", name, repr(key), "-")


def frames():
    """Report the frames from the caller on, then sleep: they stay as they are."""
    frame = sys._getframe(1)
    while frame:
        code = frame.f_code
        out("F", code.co_name)
        if code.co_flags & 1:
            for name, v in sorted(frame.f_locals.items()):
                out("L", name, hexed(show(v)))
        elif code.co_name == "Body":
            out("G", "in_body", hexed(repr(frame.f_locals["in_body"])))
        elif code.co_name == "<module>":
            out("G", "NEW", hexed(repr(NEW)))
            if NEW >= (3, 12):  # the comprehension below is part of this frame
                out("L", "hidden", hexed(repr("hid")))
        frame = frame.f_back
    sys.stdout.flush()
    os.write(1, b"end\n")  # from this frame, whatever is in which buffer
    time.sleep(100000)


def innermost(p, *args, k=1, **kw):
    local = [p, k]

    def uses():
        return local, p, kw
    unset = 1
    del unset
    squares = [i * i for i in range(4)]
    try:
        raise ValueError("in flight")
    except ValueError as exc:
        caught_here = exc
        frames()
    return uses, squares, caught_here


class InClass:
    def method(self, first):
        free = first + 1

        def nested(arg):
            total = free + arg
            yield innermost(total, 1, 2, k=self.__class__.__name__, z=arg)
        return list(nested(5))


def main():
    numbers()
    texts()
    containers()
    attr_values()
    functions()
    enums()
    dataclass_values()
    exceptions()
    library()
    report()

    class Body:
        in_body = [5]
        (lambda obj: [obj.method(n) for n in (1,)])(InClass())


if __name__ == "__main__":
    [main() for hidden in ["hid"]]
