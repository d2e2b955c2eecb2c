"""Objects of Python's standard library, as people write them: dates, paths, collections, patterns.

Each function is given a call that names one of these classes and reads its arguments as the class itself
would. It returns None when they are not what the class pickles; the call is then shown as any other.
"""

import datetime
import ipaddress
import uuid
from collections.abc import Callable
from collections.abc import Mapping as AbstractMapping

from decoders.arrays import ArrayView, number_dtype
from decoders.errors import DecodeError
from decoders.pickles.look import (
    Look,
    Part,
    bytes_of,
    function_path,
    integer,
    items_of,
    label,
    of_array,
    of_items,
    of_mapping,
    of_parts,
    path_of,
)
from decoders.pickles.values import Call, Collection, Mapping, Value

Recogniser = Callable[[Call], Look | None]


def _datetime(call: Call) -> Look | None:
    data = _state(call, 10)
    if data is None:
        return None
    year, micros = int.from_bytes(data[:2], "big"), int.from_bytes(data[7:10], "big")
    month = data[2] & 0x7F  # the highest bit tells the second of two equal wall-clock times (PEP 495)
    day, hour, minute, second = data[3:7]
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second, micros)
    except ValueError:
        return None
    return Look("time", f"{moment}{_zone_suffix(call)}")


def _date(call: Call) -> Look | None:
    data = _state(call, 4)
    if data is None:
        return None
    try:
        return Look("time", str(datetime.date(int.from_bytes(data[:2], "big"), data[2], data[3])))
    except ValueError:
        return None


def _time(call: Call) -> Look | None:
    data = _state(call, 6)
    if data is None:
        return None
    try:
        moment = datetime.time(data[0] & 0x7F, data[1], data[2], int.from_bytes(data[3:6], "big"))
    except ValueError:
        return None
    return Look("time", f"{moment}{_zone_suffix(call)}")


def _timedelta(call: Call) -> Look | None:
    delta = _delta(call)
    return Look("time", str(delta)) if delta is not None else None


def _timezone(call: Call) -> Look | None:
    text = zone_text(call)
    return Look("time", text) if text else None


def zone_text(value: Value) -> str:
    """Return the name or offset of a time zone, "" for what is none that we know."""
    path = function_path(value)
    if not isinstance(value, Call):
        return ""
    if path == "datetime.timezone" and value.args:
        delta = _delta(value.args[0])
        try:
            return str(datetime.timezone(delta)) if delta is not None else ""
        except ValueError:
            return ""
    if path == "pytz._UTC" or path.endswith(".tzutc"):
        return "UTC"
    by_key = path in ("pytz._p", "zoneinfo.ZoneInfo") or _is_zone_unpickler(value.function)
    return label(value.args[0]) if by_key and value.args else ""


def _is_zone_unpickler(function: Value) -> bool:
    if not isinstance(function, Call) or function_path(function) != "builtins.getattr":
        return False
    return [path_of(arg) or arg for arg in function.args] == ["zoneinfo.ZoneInfo", "_unpickle"]


def _zone_suffix(call: Call) -> str:
    if len(call.args) < 2:
        return ""
    zone = zone_text(call.args[1])
    if zone.startswith("UTC"):
        return zone[3:] or "+00:00"
    return f" {zone or 'in an unknown time zone'}"


def _state(call: Call, size: int) -> bytes | None:
    buffer = bytes_of(call.args[0]) if call.args else None
    return buffer.read() if buffer is not None and len(buffer) == size else None


def _delta(value: Value) -> datetime.timedelta | None:
    if not isinstance(value, Call) or function_path(value) != "datetime.timedelta" or len(value.args) != 3:
        return None
    numbers = [integer(arg) for arg in value.args]
    if any(number is None or abs(number) > 10**15 for number in numbers):
        return None
    try:
        return datetime.timedelta(*(number or 0 for number in numbers))
    except OverflowError:
        return None


def _path(call: Call) -> Look | None:
    parts = [arg for arg in call.args if isinstance(arg, str)]
    if len(parts) != len(call.args):
        return None
    name = path_of(call.function).rsplit(".", 1)[-1]
    joint = "\\" if "Windows" in name else "/"
    text = ""
    for part in parts[:200]:
        text += (joint if text and not text.endswith(("/", "\\")) else "") + part[:400]
    return Look("string", f"{name}({text or '.'!r})", value=text)


def _uuid(call: Call) -> Look | None:
    number = integer(call.state.get("int")) if isinstance(call.state, Mapping) else None
    if number is None or not 0 <= number < 1 << 128:
        return None
    return Look("string", f"UUID('{uuid.UUID(int=number)}')")


def _address(call: Call) -> Look | None:
    number = integer(call.args[0]) if len(call.args) == 1 else None
    name = path_of(call.function).rpartition(".")[2]
    if number is None or not 0 <= number < 1 << (32 if name == "IPv4Address" else 128):
        return None
    address = ipaddress.IPv4Address(number) if name == "IPv4Address" else ipaddress.IPv6Address(number)
    return Look("string", f"{name}('{address}')")


def _number(call: Call) -> Look | None:
    if len(call.args) == 1 and isinstance(call.args[0], str | int | float):
        return Look("number", f"Decimal({call.args[0]!r})")
    return None


def _complex(call: Call) -> Look | None:
    match call.args:
        case [float() | int() as real, float() | int() as imaginary]:
            try:
                return Look("number", str(complex(real, imaginary)))
            except OverflowError:
                return None
    return None


def _set(call: Call) -> Look | None:
    if len(call.args) > 1 or not all(isinstance(arg, Collection) for arg in call.args):
        return None
    items = items_of(call.args[0], "list") if call.args else []
    name = path_of(call.function).rsplit(".", 1)[-1]
    if not items:
        return Look("array", f"{name}()")
    opening, closing = ("{", "}") if name == "set" else ("({", "})")
    return of_items("array", "" if name == "set" else name, (opening, closing), items)


def _range(call: Call) -> Look | None:
    bounds = [integer(arg) for arg in call.args]
    if len(bounds) != 3 or None in bounds:
        return None
    shown = bounds[:2] if bounds[2] == 1 else bounds
    return Look("array", f"range({', '.join(map(str, shown))})")


def _ordered(call: Call) -> Look | None:
    return of_mapping("OrderedDict", ("({", "})"), call.mapping or Mapping([], [])) if not call.args else None


def _default(call: Call) -> Look | None:
    factory = path_of(call.args[0]) if call.args else ""
    opening = f"({factory.removeprefix('builtins.') or '…'}, {{"
    return of_mapping("defaultdict", (opening, "})"), call.mapping or Mapping([], []))


def _counter(call: Call) -> Look | None:
    match call.args:
        case [Mapping() as counts]:
            return of_mapping("Counter", ("({", "})"), counts)
    return None


def _deque(call: Call) -> Look | None:
    length = integer(call.args[1]) if len(call.args) > 1 else None
    closing = "])" if length is None else f"], maxlen={length})"
    items = [*items_of(call.args[0] if call.args else None), *call.items]
    return of_items("array", "deque", ("([", closing), items)


def _pattern(call: Call) -> Look | None:
    if not call.args or not isinstance(call.args[0], str | bytes):
        return None
    return Look("string", f"re.compile({call.args[0][:400]!r})")


def _partial(call: Call) -> Look | None:
    match call.state:
        case Collection(items=[function, Collection(items=args), Mapping() as keywords, _]):
            parts = [Part("", function), *(Part("", arg) for arg in args)]
            named = zip(keywords.keys, keywords.values, strict=True)
            parts += [Part(label(key), value) for key, value in named]
            return of_parts("object", "functools.partial", parts)
    return None


def _type_of(call: Call) -> Look | None:
    return Look("object", "NoneType") if call.args == [None] else None


_ARRAY_FORMATS = [
    "u1",
    "i1",
    *(f"{order}{code}" for code in ("u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8") for order in "<>"),
]


def _array(call: Call) -> Look | None:
    if len(call.args) != 4:
        return None
    number, buffer = integer(call.args[2]), bytes_of(call.args[3])
    if number is None or not 0 <= number < len(_ARRAY_FORMATS) or buffer is None:
        return None
    code = _ARRAY_FORMATS[number]
    dtype = number_dtype(code.lstrip("<>"), code[0] if code[0] in "<>" else "|")
    try:
        return of_array(ArrayView(buffer, dtype, [len(buffer) // dtype.itemsize], name="array"))
    except DecodeError:
        return None


_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path", "PurePath")

KNOWN: AbstractMapping[str, Recogniser] = {
    "datetime.datetime": _datetime,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.timedelta": _timedelta,
    "datetime.timezone": _timezone,
    "uuid.UUID": _uuid,
    "ipaddress.IPv4Address": _address,
    "ipaddress.IPv6Address": _address,
    "decimal.Decimal": _number,
    "builtins.complex": _complex,
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "builtins.range": _range,
    "builtins.type": _type_of,
    "collections.OrderedDict": _ordered,
    "collections.defaultdict": _default,
    "collections.Counter": _counter,
    "collections.deque": _deque,
    "re._compile": _pattern,
    "functools.partial": _partial,
    "array._array_reconstructor": _array,
    **{f"{module}.{name}": _path for module in ("pathlib", "pathlib._local") for name in _PATHS},
}
"""Which function reads the arguments of which class or function."""
