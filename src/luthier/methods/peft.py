"""Any other method of the `peft` library, injected and exactly removed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from ..backbone import Backbone
from ..delta import Delta
from ..errors import Refused, SpellingError, UserError
from ..spell import closest
from .adapter import TASK_TYPES
from .method import Method, rate_in_range

OURS = {
    "LORA": "lora or dora",
    "IA3": "ia3",
    "PROMPT_TUNING": "prompt",
    "P_TUNING": "ptuning",
    "PREFIX_TUNING": "prefix",
    "LN_TUNING": "layernorm",
}
NEED_THEIR_OWN_LOOP = (
    "ADALORA",
    "MULTITASK_PROMPT_TUNING",
    "ADAPTION_PROMPT",
    "CPT",
    "XLORA",
    "POLY",
    "TRAINABLE_TOKENS",
)
"""Methods that prune during training, train no site, or replace the whole forward pass."""


class Injected(Delta):
    """Modules that `peft` made, put in place while attached."""

    def __init__(self, model: nn.Module, config: Any) -> None:
        super().__init__({})
        from peft import PEFT_TYPE_TO_TUNER_MAPPING

        before = dict(model.named_modules())
        flags = {name: p.requires_grad for name, p in model.named_parameters()}
        try:
            PEFT_TYPE_TO_TUNER_MAPPING[config.peft_type](model, config, "default")  # changes `model` in place
        finally:  # a method that fails halfway must not leave its modules behind
            changed = {n: m for n, m in model.named_modules() if n in before and m is not before[n]}
            outer = [n for n in changed if not any(n != o and n.startswith(o + ".") for o in changed)]
            self.originals = [(path, before[path]) for path in outer]
            self.layers = nn.ModuleList(changed[path] for path in outer)
            for path, original in self.originals:
                model.set_submodule(path, original)
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(flags.get(name, False))
            vars(model).pop("peft_config", None)

    def trained(self) -> dict[str, nn.Parameter]:
        named = {}
        for (path, _), layer in zip(self.originals, self.layers):
            named |= {f"{path}.{n}": p for n, p in layer.named_parameters() if p.requires_grad}
        return named | ({f"head.{n}": p for n, p in self.head.named_parameters()} if self.head is not None else {})

    def shipped(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for (path, original), layer in zip(self.originals, self.layers):
            frozen = {t.data_ptr() for t in (*original.parameters(), *original.buffers())}
            inner = {f"base_layer.{n}" for n in original.state_dict()}  # quantised weights lie elsewhere each time
            learned = {n: t for n, t in layer.state_dict().items() if n not in inner and t.data_ptr() not in frozen}
            tensors |= {f"{path}.{n}": t.detach() for n, t in learned.items()}
        return tensors | ({f"head.{n}": t for n, t in self.head.state_dict().items()} if self.head is not None else {})

    def load_shipped(self, tensors: Mapping[str, Tensor]) -> None:
        for (path, _), layer in zip(self.originals, self.layers):
            start = f"{path}."
            layer.load_state_dict({n[len(start) :]: t for n, t in tensors.items() if n.startswith(start)}, strict=False)
        if self.head is not None:
            self.head.load_state_dict({n[5:]: t for n, t in tensors.items() if n.startswith("head.")})

    def mount(self, model: nn.Module) -> list[Any]:
        return [_Placed(model, path, layer, original) for (path, original), layer in zip(self.originals, self.layers)]


class _Placed:
    """One module replaced until `remove()`."""

    def __init__(self, model: nn.Module, path: str, layer: nn.Module, original: nn.Module) -> None:
        self.model, self.path, self.original = model, path, original
        model.set_submodule(path, layer)

    def remove(self) -> None:
        self.model.set_submodule(self.path, self.original)


@dataclass(frozen=True, repr=False)
class Peft(Method):
    """Whatever `peft` computes: `peft("VERA", r=64)` makes its config with these settings and injects it.

    Source: the library's own method, see `peft` and the paper its config names (for example VeRA,
    arXiv:2310.11454).
    Trained: what the library marks as trainable; counted after injection.
    Wins when you need a method that is not ours; fails to share a batch with other deltas. Methods that need their
    own training loop are refused, ours are preferred to the library's.
    Defaults: the library's; 1e-3 at 250 M parameters. Searched there: as LoRA, 1e-4 to 3e-3.
    """

    word: ClassVar[str] = "peft"
    open_settings: ClassVar[str] = "settings"
    rates: ClassVar[tuple[float, float]] = (1e-4, 3e-3)
    method: str = field(default="", metadata={"shown": True})
    learning_rate: float | None = None
    settings: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        rate_in_range(self)
        if self.method.upper() in OURS:
            raise SpellingError(
                f"peft({self.method!r}) is built in.", OURS[self.method.upper()], f"write {OURS[self.method.upper()]}"
            )
        if self.method.upper() in NEED_THEIR_OWN_LOOP:
            raise Refused(
                f"peft({self.method!r}) needs a training loop or forward pass of its own.",
                "methods that act on layers",
                "choose another, for example peft('VERA', r=64)",
            )

    def __repr__(self) -> str:
        words = [repr(self.method), *(f"{k}={v!r}" for k, v in self.settings)]
        if self.learning_rate is not None:
            words.append(f"learning_rate={self.learning_rate!r}")
        return f"peft({', '.join(words)})"

    def delta(self, backbone: Backbone) -> Delta:
        return Injected(backbone.model, self._config(backbone))

    def _config(self, backbone: Backbone) -> Any:
        try:
            from peft import PEFT_TYPE_TO_CONFIG_MAPPING
        except ImportError as fault:
            raise UserError(
                "peft(…) needs the peft library.",
                "pip install 'luthier[peft]'",
                "install it, or choose a built-in method",
            ) from fault
        known = {str(k.value): v for k, v in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
        if self.method.upper() not in known:
            raise SpellingError(
                f"peft has no method {self.method!r}.", ", ".join(sorted(known)), closest(self.method.upper(), known)
            )
        settings, sites = dict(self.settings), backbone.sites(default_targets(backbone))
        settings.setdefault("target_modules", sorted({site.path.rsplit(".", 1)[-1] for site in sites}))
        stored = {type(backbone.model.get_submodule(site.path)).__name__ for site in sites}
        if "Conv1D" in stored and hasattr(known[self.method.upper()], "fan_in_fan_out"):
            settings.setdefault("fan_in_fan_out", True)  # GPT-2's projections are transposed, unless they are quantised
        try:
            return known[self.method.upper()](task_type=TASK_TYPES[backbone.kind], **settings)
        except (TypeError, ValueError) as fault:
            raise SpellingError(
                f"{self!r}: {fault}", "the settings of peft's own config", "see peft's documentation"
            ) from fault


def default_targets(backbone: Backbone) -> str:
    """Queries and values, or the fused projection where there is one."""
    return "qkv" if "attention.qkv" in backbone.family.roles else "q,v"
