"""One run of a net, written down call by call: what the net *executes*, not what it declares.

A `TorchFunctionMode` sees every call of PyTorch that the net's own Python makes, functional ones and operators
included, whatever the control flow; hooks tell which module a call belongs to. Calls on the way from the image are
kept; calls on parameters alone (a masked or standardised filter) only pass on whose parameters they carry.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnlab.anatomy.batch import for_one_image
from cnnlab.anatomy.lazy import with_parameters
from cnnlab.anatomy.misfit import Misfit, misfit_words
from cnnlab.anatomy.signatures import (
    PRODUCTS,
    VALUE_BY_VALUE,
    bind,
    bind_values,
    canonical_name,
    hides_products,
    is_known,
    is_reflected,
)
from cnnlab.errors import UserError
from cnnlab.net_copy import copied, tensors_in
from cnnlab.own_code import own_mistake

#: Images in the run: two, so that a net which squeezes its answers keeps the batch apart from them.
BATCH = 2

#: Calls that give back the same values in the same places: not a layer.
_SAME_VALUES = {
    "clone", "contiguous", "detach", "to", "type", "float", "double", "half", "bfloat16", "cpu", "cuda", "type_as",
    "requires_grad", "alias", "positive", "data",
}  # fmt: skip

#: Calls that take shape and type from a tensor, and no values.
_MAKES_NEW = {
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "new_zeros", "new_ones",
    "new_empty", "new_full", "new_tensor",
}  # fmt: skip

#: Calls by which a net looks at values and may go another way because of them.
_READS_VALUES = {
    "bool_value", "int_value", "float_value", "index_value", "item", "tolist", "numpy", "array", "nonzero",
    "is_nonzero", "equal", "allclose", "contains", "unique",
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """Stands for a value that depends on the image: the index of the call that made it, -1 for the image."""

    call: int


@dataclass
class Call:
    """One call of PyTorch on values that depend on the image.

    function: its name without decoration (`add` for `+`, `__iadd__` and `torch.add`). module: path of the innermost
    module it ran in. is_module: whether that is a `torch.nn` layer, so that module and call are one. inputs: indices of
    the calls whose results it takes, -1 for the image; none for products of constants alone. whole_input_shapes,
    whole_shape: of what it takes and makes, with the batch wherever it is; input_shapes, output_shape: for one image.
    unit_dim: the dimension of the result, the batch counted, along which its units lie: channels of maps, the last
    dimension after a dense layer. arguments: by name, tensors left out. operands: by name, tensors as they are, what
    depends on the image as `Made`. parameters: by name, those it uses, itself or through calls on parameters alone.
    is_view: its result shares memory with what it was given. flop: floating-point operations for one image by PyTorch's
    counter, for functions that anatomy has no formula for. visit: which entry into a module it belongs to, for a module
    may be used twice. images: how many the run was on; 1 for what depends on none of them.
    """

    function: str
    module: str
    module_type: str
    is_module: bool
    inputs: tuple[int, ...]
    whole_input_shapes: tuple[tuple[int, ...], ...]
    whole_shape: tuple[int, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    unit_dim: int
    arguments: dict[str, Any]
    operands: dict[str, Any]
    parameters: dict[str, Tensor]
    is_view: bool
    element_bytes: int
    flop: int
    visit: int
    images: int

    @property
    def is_by_image(self) -> bool:
        """Whether the result's first dimension is the batch, an entry an image."""
        return bool(self.inputs) and self.whole_shape == (self.images, *self.output_shape)


@dataclass
class Trace:
    """What one run did: its calls in order, the indices of those whose results the net returned, and remarks.

    images: what it ran on, a leaf that gradients can be taken for. results: of every call the (first) tensor it made,
    None where a later call wrote over it; with `keep`, what that made of it.
    """

    calls: list[Call]
    outputs: tuple[int, ...]
    notes: list[str]
    images: Tensor
    results: list[Any]


#: What to keep of a call's result: asked with the call's number, the call, and the result.
Keep = Callable[[int, Call, Tensor], Any]


def walk(
    net: nn.Module,
    image_shape: tuple[int, ...],
    *,
    batch: int = BATCH,
    images: Tensor | None = None,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    keep: Keep | None = None,
) -> Trace:
    """Run a copy of the net in eval mode on images (C, H, W) and write down its calls.

    The net, its random state and the process's are left as they were. images: float (N, C, H, W), by default `batch`
    random ones. dtype: of images and weights, by default the net's own. keep: as of `Walks.run`. Raises UserError where
    the net cannot be copied or run, naming the layer, what came in and what it wanted; or the line of the user's own
    that raised.
    """
    walks = Walks(net, image_shape, dtype=dtype)
    if images is None:
        images = torch.randn(batch, *image_shape, generator=torch.Generator().manual_seed(seed))
    return walks.run(images, seed=seed, keep=keep)


class Walks:
    """A copy of a net in eval mode, to be run again and again: copying it and its hooks takes longer than a small run.

    A net that a run changes, since it keeps maps in its attributes, is copied anew for every run.
    """

    def __init__(self, net: nn.Module, image_shape: tuple[int, ...], *, dtype: torch.dtype | None = None) -> None:
        """Copy the net. image_shape, dtype: as of `walk`. Raises UserError where the net cannot be copied."""
        self._net, self._image_shape, self._dtype = with_parameters(net, image_shape), image_shape, dtype
        self._recorder = _Recorder(self._copy())
        self._is_changed_by_runs: bool | None = None

    def run(self, images: Tensor, *, seed: int = 0, keep: Keep | None = None, last: int | None = None) -> Trace:
        """Run it on images and write down its calls. Raises as `walk` does.

        images: float (N, C, H, W). keep: what to keep of a call's result, by the call's number; asked right after the
        call, when no other has written over it. last: the number of the call after which the run ends, for a net whose
        calls are known and none of them `opaque`; the outputs are then empty.
        """
        if self._is_changed_by_runs:
            self._recorder = _Recorder(self._copy())
        recorder = self._recorder
        net = recorder.net
        parameter = next((one for one in net.parameters() if one.is_floating_point()), torch.empty(0))
        images = images.detach().to(parameter.device, self._dtype or parameter.dtype, copy=True)
        images.requires_grad_()  # a result that needs a gradient and was not seen before tells that the thread is lost
        with torch.enable_grad():
            given = images.clone()  # a net may write over what it is given, which PyTorch forbids for a leaf
        held = _held(net) if self._is_changed_by_runs is None else None
        recorder.begin(images, given, keep, last)
        with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []), torch.enable_grad():
            torch.manual_seed(seed)
            answer = None
            try:
                with recorder, suppress(_Enough):
                    answer = net(given)
                return recorder.finish(answer)
            except UserError:
                raise
            except Exception as error:
                misfit = recorder.misfit(error)
                slip = own_mistake(error) if misfit is None else None
                words = misfit_words(type(net).__name__, self._image_shape, error, misfit)
                raise (slip or UserError(words)) from error
            finally:
                recorder.let_go()
                if held is not None:
                    self._is_changed_by_runs = held != _held(net)

    def _copy(self) -> nn.Module:
        net = self._net
        try:
            with torch.no_grad():
                net = copied(net)
        except Exception as error:
            raise UserError(
                f"{type(net).__name__} cannot be copied ({type(error).__name__}: {error}), and anatomy looks at a "
                "copy; expected a net that copy.deepcopy accepts: make its attributes modules, parameters or buffers"
            ) from error
        net = getattr(net, "_orig_mod", net)  # what torch.compile wraps
        if isinstance(net, torch.jit.ScriptModule):
            raise UserError(
                f"{net.original_name} is scripted or traced (torch.jit), so that its calls cannot be followed; "
                "expected the torch.nn.Module that it was made from: give that one"
            )
        net.eval()
        if self._dtype is not None:
            net.to(self._dtype)
        return net.requires_grad_(False)


class _Enough(BaseException):
    """The last call that is asked for was made. No Exception: a net's own `except` is not meant."""


def _held(net: nn.Module) -> list[tuple[int, int]]:
    """What tells whether a run changed a net: the tensors in its modules, and how often each was written over."""
    found = []
    for module in net.modules():
        for one in tensors_in(vars(module).values(), set()):
            found.append((id(one), 0 if one.is_inference() else one._version))
    return found


def _count_flop(func: Any, args: Any, kwargs: Any) -> tuple[Any, int]:
    """Call a function that anatomy has no formula for, and what PyTorch's flop counter says of the operators in it."""
    from torch.utils.flop_counter import FlopCounterMode  # loads the compiler's parts: 1.5 s

    with FlopCounterMode(display=False) as counter:
        out = func(*args, **kwargs)
    return out, counter.get_total_flops()


class _Recorder(TorchFunctionMode):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = self._net = net
        for path, module in net.named_modules():
            if isinstance(module, torch.jit.ScriptModule):  # takes no hooks; its answer is noticed when it is used
                continue
            module.register_forward_pre_hook(self._enter(path), with_kwargs=True)
            module.register_forward_hook(self._leave, with_kwargs=True)

    def begin(self, images: Tensor, given: Tensor, keep: Keep | None, last: int | None) -> None:
        """Forget the run before. given: the images as the net gets them."""
        self._is_running = True
        self._calls: list[Call] = []
        self._notes: dict[str, None] = {}
        self._images = images
        self._kept: list[Any] = [given]  # so that no id is used twice
        self._results: list[Tensor] = []
        self._keep_of = keep
        self._kept_results: list[Any] = []
        self._last = last
        self._source: dict[int, int] = {id(given): -1}  # a tensor's id → the call that made it
        self._parameters: dict[int, dict[str, Tensor]] = {
            id(parameter): {name: parameter} for name, parameter in self._net.named_parameters()
        }
        self._modules: list[tuple[str, nn.Module]] = []
        self._first_call: list[int] = []
        self._visits: list[int] = []
        self._entered = 0
        self._failed: tuple[Exception, Misfit] | None = None

    # What the net calls.

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = canonical_name(func)
        given = list(_tensors([args, kwargs]))
        sources = [self._source_of(tensor) for tensor in given]
        inputs = tuple(dict.fromkeys(source for source in sources if source is not None))
        if not inputs or name in _MAKES_NEW:
            carried = self._carried(given)
            if not inputs and name in PRODUCTS:
                out = self._product_of_constants(func, name, args, kwargs, given)
            else:
                out = func(*args, **kwargs)
            if carried and name != "data":
                for tensor in _tensors(out):
                    self._kept.append(tensor)
                    self._parameters[id(tensor)] = carried
            return out
        if name in _READS_VALUES:
            self._note_reading({"bool_value": "if", "int_value": "int()", "float_value": "float()"}.get(name, name))
        shapes = tuple(tuple(tensor.shape) for tensor, source in zip(given, sources, strict=True) if source is not None)
        storages = {tensor.untyped_storage().data_ptr() for tensor in given}
        try:
            if is_known(name) or name in _SAME_VALUES or name in _READS_VALUES:
                out, flop = func(*args, **kwargs), 0
            else:
                out, flop = _count_flop(func, args, kwargs)
        except Exception as error:
            if self._failed is None or self._failed[0] is not error:
                path, module = self._modules[-1] if self._modules else ("", self._net)
                given_all = [tuple(tensor.shape) for tensor in given]
                arguments = bind(name, args, kwargs)
                self._failed = error, Misfit(path, type(module).__name__, name, given_all, arguments)
            raise
        results = list(_tensors(out)) if name != "setitem" else [args[0]]
        if not results or name.endswith("__get__"):
            return out
        if name in _SAME_VALUES:
            for tensor in results:
                self._keep(tensor, inputs[0])
            return out
        if not flop and hides_products(func, name):
            self._notes[f"{name}: its multiply-adds are not counted, since anatomy has no formula for it"] = None
        self._add(
            name,
            inputs,
            results,
            shapes,
            arguments=bind(name, args, kwargs),
            operands=self._operands(name, tuple(reversed(args)) if is_reflected(func) else args, kwargs),
            parameters=self._carried(given),
            is_view=all(tensor.untyped_storage().data_ptr() in storages for tensor in results),
            flop=flop,
        )
        return out

    def _product_of_constants(self, func: Any, name: str, args: Any, kwargs: Any, given: list[Tensor]) -> Any:
        """A product in which no image takes part, a table of positions put through a dense layer say: done once."""
        out, flop = (func(*args, **kwargs), 0) if is_known(name) else _count_flop(func, args, kwargs)
        self._add(
            name,
            (),
            [next(_tensors(out))],
            (tuple(given[0].shape),),
            arguments=bind(name, args, kwargs),
            operands=self._operands(name, args, kwargs),
            parameters=self._carried(given),
            flop=flop,
        )
        return out

    def _add(
        self,
        name: str,
        inputs: tuple[int, ...],
        results: list[Tensor],
        shapes: tuple[tuple[int, ...], ...],
        *,
        arguments: dict[str, Any],
        operands: dict[str, Any],
        parameters: dict[str, Tensor],
        is_view: bool = False,
        flop: int = 0,
        layer: tuple[str, str] | None = None,
    ) -> None:
        """Write a call down. inputs: none where no image takes part. shapes: of what it takes. flop: of the whole run.
        layer: path and type of the module that stands for the call; else the innermost one that it ran in."""
        path, module = self._modules[-1] if self._modules else ("", self._net)
        first, images = results[0], len(self._images) if inputs else 1
        whole = tuple(first.shape)
        self._calls.append(
            Call(
                function=name,
                module=path if layer is None else layer[0],
                module_type=type(module).__name__ if layer is None else layer[1],
                is_module=layer is not None or _is_layer(module),
                inputs=inputs,
                whole_input_shapes=shapes,
                whole_shape=whole,
                input_shapes=tuple(for_one_image(shape, images) for shape in shapes) if inputs else shapes,
                output_shape=for_one_image(whole, images) if inputs else whole,
                unit_dim=self._unit_dim(name, inputs, first) if inputs else 0,
                arguments=arguments,
                operands=operands,
                parameters=parameters,
                is_view=is_view,
                element_bytes=first.element_size(),
                flop=flop // images,
                visit=self._visits[-1] if self._visits else 0,
                images=images,
            )
        )
        self._results.append(first)
        if self._keep_of is not None:
            self._kept_results.append(self._keep_of(len(self._results) - 1, self._calls[-1], first))
        if self._last is not None and len(self._calls) > self._last:
            raise _Enough
        for tensor in results if inputs else ():
            self._keep(tensor, len(self._calls) - 1)

    def _unit_dim(self, name: str, inputs: tuple[int, ...], result: Tensor) -> int:
        if name == "linear":
            return max(1, result.dim() - 1)
        before = self._calls[inputs[0]] if inputs[0] >= 0 else None
        keeps = name in VALUE_BY_VALUE or name in ("layer_norm", "rms_norm", "opaque", "softmax", "log_softmax")
        if keeps and before is not None and before.whole_shape == tuple(result.shape):
            return before.unit_dim
        return 1

    def _latest(self) -> int:
        """The last call that an image took part in; the image where there was none."""
        return next((i for i in reversed(range(len(self._calls))) if self._calls[i].inputs), -1)

    def _source_of(self, tensor: Tensor) -> int | None:
        """The call that made a tensor, -1 for the image, None for one that does not depend on the image."""
        if id(tensor) in self._source:
            return self._source[id(tensor)]
        with torch._C.DisableTorchFunction():
            is_lost = tensor.requires_grad and id(tensor) not in self._parameters
        if not is_lost:
            return None
        path, module = self._modules[-1] if self._modules else ("", self._net)
        self._add_opaque(path, type(module).__name__, (self._latest(),), [tensor])
        return self._source[id(tensor)]

    def _operands(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        def stands_for(value: Any) -> Any:
            if isinstance(value, Tensor):
                return Made(self._source[id(value)]) if id(value) in self._source else value
            if isinstance(value, list | tuple) and any(isinstance(part, Tensor) for part in value):
                parts = [stands_for(part) for part in value]
                return tuple(parts) if isinstance(value, tuple) else parts
            return value

        return {key: stands_for(value) for key, value in bind_values(name, args, kwargs).items()}

    def _keep(self, tensor: Tensor, call: int) -> None:
        self._kept.append(tensor)
        self._source[id(tensor)] = call

    def _carried(self, tensors: list[Tensor]) -> dict[str, Tensor]:
        """The parameters among tensors that do not depend on the image, and those that they were made from."""
        carried: dict[str, Tensor] = {}
        for tensor in tensors:
            carried |= self._parameters.get(id(tensor), {})
        return carried

    def _note_reading(self, name: str) -> None:
        where = ""
        for frame in reversed(traceback.extract_stack()):
            inside = Path(frame.filename).parts
            if "torch" not in inside and not (inside[-2:-1] == ("anatomy",) and "cnnlab" in inside):
                where = f" at {Path(frame.filename).name}:{frame.lineno}"
                break
        self._notes[
            f"the net looks at values ({name}{where}), so what it does may depend on the image: the layers below are "
            "what it did with random images"
        ] = None

    # Which module it is in.

    def _enter(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, _args: Any, _kwargs: Any) -> None:
            if not self._is_running:  # checkpointed layers run again when gradients are taken
                return
            self._modules.append((path, module))
            self._first_call.append(len(self._calls))
            self._entered += 1
            self._visits.append(self._entered)

        return hook

    def _leave(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if not self._is_running:
            return
        path, _ = self._modules[-1]
        first = self._first_call.pop()
        self._look_back(path, module, first, args, kwargs, output)
        self._modules.pop()
        self._visits.pop()

    def _look_back(self, path: str, module: nn.Module, first: int, args: Any, kwargs: Any, output: Any) -> None:
        """After a module: what it did behind the recorder's back becomes one call."""
        with torch._C.DisableTorchFunction():
            results = list(_tensors(output))
            given = list(_tensors([args, kwargs]))
            inputs = tuple(dict.fromkeys(self._source[id(tensor)] for tensor in given if id(tensor) in self._source))
            lost = [tensor for tensor in results if id(tensor) not in self._source]
            if not inputs or not results:
                return
            if lost:  # a script, a custom function: what went in and what came out is all that can be seen
                del self._calls[first:], self._results[first:], self._kept_results[first:]
                self._add_opaque(path, type(module).__name__, inputs, results, given=given, parameters=module)
            elif len(self._calls) == first and _is_layer(
                module
            ):  # it calls nothing: nn.Identity, dropout of some kinds
                self._add_opaque(path, type(module).__name__, inputs, results, given=given, function="identity")

    def _add_opaque(
        self,
        path: str,
        module_type: str,
        inputs: tuple[int, ...],
        results: list[Tensor],
        *,
        given: list[Tensor] | None = None,
        parameters: nn.Module | None = None,
        function: str = "opaque",
    ) -> None:
        if function == "opaque":
            self._notes[
                f"{path or 'the net'} ({module_type}): a custom function or script whose inside cannot be seen; its "
                "shapes and parameters are right, its receptive field is taken as the whole image, and multiply-adds "
                "are not counted"
            ] = None
        given = given or []
        storages = {tensor.untyped_storage().data_ptr() for tensor in given}
        self._add(
            function,
            inputs,
            results,
            tuple(tuple(tensor.shape) for tensor in given if id(tensor) in self._source),
            arguments={},
            operands={"input": Made(inputs[0])},
            parameters={} if parameters is None else dict(parameters.named_parameters(prefix=path)),
            is_view=all(tensor.untyped_storage().data_ptr() in storages for tensor in results),
            layer=(path, module_type),
        )

    # The end.

    def misfit(self, error: Exception) -> Misfit | None:
        """The call that raised `error`; None where no call of PyTorch's did."""
        return self._failed[1] if self._failed is not None and self._failed[0] is error else None

    def finish(self, answer: Any) -> Trace:
        outputs = tuple(
            dict.fromkeys(self._source[id(tensor)] for tensor in _tensors(answer) if id(tensor) in self._source)
        )
        made_by = {id(tensor): i for i, tensor in enumerate(self._results)}
        kept: list[Any] = [*self._kept_results]
        if self._keep_of is None:
            kept = [tensor if made_by[id(tensor)] == i else None for i, tensor in enumerate(self._results)]
        return Trace(self._calls, outputs, list(self._notes), self._images, kept)

    def let_go(self) -> None:
        """Drop every tensor: net and recorder hold each other by the hooks, so only the collector would, and late."""
        self._kept, self._results, self._kept_results = [], [], []
        self._is_running = False


def _is_layer(module: nn.Module) -> bool:
    """Whether a module is one of PyTorch's own layers, which a reader knows by its name."""
    return type(module).__module__.startswith(("torch.nn.modules", "torch.ao.nn")) and not any(
        True for child in module.children() if not isinstance(module, nn.MultiheadAttention)
    )


def name_calls(calls: list[Call]) -> list[tuple[str, str]]:
    """A name and a type for every call: path and class for a layer of PyTorch's, else the function after the path.

    Where a layer makes several calls, the last stands for the layer; a name that occurs again gets _1, _2, …, other
    than the path of any layer.
    """
    last_of_layer = {call.visit: i for i, call in enumerate(calls) if call.is_module}
    paths = {calls[i].module for i in last_of_layer.values()}
    named, seen, taken = [], Counter(), set()
    for i, call in enumerate(calls):
        is_the_layer = call.is_module and call.module != "" and last_of_layer[call.visit] == i
        name = call.module if is_the_layer else ".".join(part for part in (call.module, call.function) if part)
        unique = name
        while unique in taken or (unique in paths and not (is_the_layer and unique == call.module)):
            seen[name] += 1
            unique = f"{name}_{seen[name]}"
        taken.add(unique)
        named.append((unique, call.module_type if is_the_layer else call.function))
    return named


def _tensors(nested: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, dict):
        for value in nested.values():
            yield from _tensors(value)
    elif isinstance(nested, list | tuple):
        for value in nested:
            yield from _tensors(value)
