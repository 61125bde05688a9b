# SPDX-License-Identifier: BSD-2-Clause
"""Classes, for the count oracle."""


class Base:
    registry = []
    limit: int = 3

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Base.registry.append(cls.__name__)

    def __init__(self, name):
        self.name = name
        self.items = []

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        if i >= len(self.items):
            raise IndexError(i)
        return self.items[i]

    def __iadd__(self, x):
        self.items.append(x)
        return self

    def __eq__(self, other):
        return (
            isinstance(other, Base)
            and self.name == other.name
            and self.items == other.items
        )

    def describe(self):
        return "%s: %d" % (
            self.name,
            len(self),
        )


class Slotted(Base):
    __slots__ = ("x", "y")

    def __init__(self, name, x=0, y=0):
        super().__init__(name)
        self.x = x
        self.y = y

    def describe(self):
        text = super().describe()
        return text + " at %d,%d" % (self.x,
                                     self.y)


class Meta(type):
    def __new__(mcs, name, bases, namespace):
        namespace["tag"] = name.lower()
        return super().__new__(mcs, name, bases, namespace)

    def __call__(cls, *args):
        obj = super().__call__(*args)
        obj.made = True
        return obj


class Made(metaclass=Meta):
    if True:
        kind = "a"
    else:
        kind = "b"

    for letter in "xyz":
        last = letter

    class Inner:
        depth = 2

        def where(self): return self.depth

    def get(self): return self.tag, self.Inner().where()


class Lazy:
    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        value = name * 2
        setattr(self, name, value)
        return value


def annotations(a: int, b: "str" = "x") -> list:
    c: int = a
    d: int
    return [b] * c


def local_class(n):
    class Local(Base):
        """Doc."""
        size = n

        def double(self):
            return self.size * 2
    return Local("local").double()


def workload():
    out = []
    b = Base("base")
    for i in range(4):
        b += i
    out += [len(b), list(b), b.describe(), b == Base("base"), b == 3]
    s = Slotted("slot", 1, 2)
    s += 5
    out += [s.describe(), Made().get(), Made.kind, Made.last, Made().made]
    z = Lazy()
    out += [z.ab, z.ab, hasattr(z, "_no"), annotations(3), local_class(4)]
    return out
