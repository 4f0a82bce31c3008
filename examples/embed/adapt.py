"""maml_adapt from Python with nothing but the standard library: what examples/embed/adapt.c does, through ctypes.

    python3 adapt.py build/release/embed/libmaml_adapt.so MODEL SUPPORT|- QUERY [ADAPTED]
"""
import array
import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_size_t, c_uint32, c_void_p


ABI = 1  # MAML_ADAPT_ABI of the maml_adapt.h that Model and Adapter are written after


class Model(ctypes.Structure):
    """maml_adapt_model of maml_adapt.h."""

    _fields_ = [(name, c_uint32) for name in (
        "height", "width", "channels", "inputs", "outputs", "targets", "is_classifier", "steps", "is_adapted",
        "classes", "support_rows", "parameters", "is_one_batch")] + [("terms", c_char_p)]


class Adapter:
    """A model file with a context; x and y are arrays of floats, rows one behind the other."""

    def __init__(self, library, file, support_rows, query_rows):
        self.c = ctypes.CDLL(library)
        self.c.maml_adapt_abi.restype = c_uint32
        if self.c.maml_adapt_abi() != ABI:
            raise ValueError(f"library has ABI {self.c.maml_adapt_abi()}, header {ABI}: rebuild")
        self.c.maml_adapt_error.restype = c_char_p
        for name, arguments in {
                "describe": [c_void_p, c_size_t, POINTER(Model)],
                "arena_bytes": [c_void_p, c_size_t, c_size_t, c_size_t, POINTER(c_size_t)],
                "create": [c_void_p, c_size_t, c_size_t, c_size_t, c_void_p, c_size_t, POINTER(c_void_p)],
                "run": [c_void_p, c_void_p, c_void_p, c_size_t, c_int],
                "predict": [c_void_p, c_void_p, c_size_t, c_void_p],
                "saved_bytes": [c_void_p, POINTER(c_size_t)],
                "save": [c_void_p, c_void_p, c_size_t]}.items():
            getattr(self.c, "maml_adapt_" + name).argtypes = arguments
        self.file = ctypes.create_string_buffer(file, len(file))
        self.model, size, self.context = Model(), c_size_t(), c_void_p()
        self.call("describe", self.file, len(file), byref(self.model))
        self.call("arena_bytes", self.file, len(file), support_rows, query_rows, byref(size))
        self.arena = ctypes.create_string_buffer(size.value)
        self.call("create", self.file, len(file), support_rows, query_rows, self.arena, size, byref(self.context))

    def call(self, name, *arguments):
        status = getattr(self.c, "maml_adapt_" + name)(*arguments)
        if status:
            raise ValueError(self.c.maml_adapt_error(status).decode())

    def run(self, x, y, steps=-1):
        """Adapts to these rows."""
        self.call("run", self.context, x.buffer_info()[0], y.buffer_info()[0], len(x) // self.model.inputs, steps)

    def predict(self, x):
        """The outputs of these rows, one behind the other."""
        rows = len(x) // self.model.inputs
        outputs = (c_float * (rows * self.model.outputs))()
        self.call("predict", self.context, x.buffer_info()[0], rows, outputs)
        return array.array("f", outputs)

    def save(self):
        """The adapted model as the bytes of a file."""
        size = c_size_t()
        self.call("saved_bytes", self.context, byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self.call("save", self.context, buffer, size)
        return buffer.raw


def floats(path, of_row):
    """Float32 from a file, whole rows of so many."""
    with open(path, "rb") as file:
        raw = file.read()
    if len(raw) % (4 * of_row):
        raise ValueError(f"{path}: has {len(raw)} bytes, but must have rows of {of_row} float32")
    return array.array("f", raw)


def main(library, model, support, query, adapted=None):
    with open(model, "rb") as file:
        adapter = Adapter(library, file.read(), 1000, 100)
    if adapter.model.terms:
        print(adapter.model.terms.decode(), file=sys.stderr)
    if support != "-":
        inputs, targets = adapter.model.inputs, adapter.model.targets
        of_row, x, y = inputs + targets, array.array("f"), array.array("f")
        rows = floats(support, of_row)
        for begin in range(0, len(rows), of_row):
            x += rows[begin:begin + inputs]
            y += rows[begin + inputs:begin + of_row]
        adapter.run(x, y)
    outputs = adapter.predict(floats(query, adapter.model.inputs))
    for begin in range(0, len(outputs), adapter.model.outputs):
        print(*(f"{value:.9g}" for value in outputs[begin:begin + adapter.model.outputs]))
    if adapted:
        with open(adapted, "wb") as file:
            file.write(adapter.save())


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
