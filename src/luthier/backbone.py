"""A frozen pretrained model, its tokenizer, its map of sites and its fingerprint.

Precision is chosen once, here, by what the machine does fast; everything else asks the backbone.
"""

from __future__ import annotations

import gc
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from . import pretrained, tokens
from .delta import Delta, Part, Site
from .dress import dress
from .errors import Damaged, Refused, SpellingError, UserError
from .families import FAMILIES, FUSED, SHORT, Family
from .heads import DenseHead, Head
from .machine import fast_precision
from .ops.linear import Linear
from .seeding import seeded
from .spell import closest

PRECISIONS = ("auto", "fp32", "bf16", *pretrained.QUANTISED)


class Backbone:
    """A frozen model that deltas act on.

    Args:
        name: a built-in name, a folder, or a hub id; `NAME + <x> + <y>` gives it new tokens, whose rows every delta
            trains.
        precision: `auto` (bf16 where the machine computes it fast, else fp32), `fp32`, `bf16`, or linear weights kept
            as `int8` or `nf4` (double quantisation) and computed with what `auto` would choose.

    Attributes:
        model: the language model (seq2seq, causal, or encoder with its masked-word head), eval mode, no gradients.
        kind: `seq2seq`, `causal` or `encoder`.
        parameters: how many weights, tied ones once.
        fingerprint: sha256 over names, shapes and bytes of all weights, and the new tokens.
        taught: ids of the new tokens.
        caveats: what must be said of the checkpoint.
        sketched: it has shapes and no weights.
    """

    sketched = False
    taught: tuple[int, ...] = ()
    caveats: tuple[str, ...] = ()

    def __init__(self, name: str, precision: str = "auto") -> None:
        if precision not in PRECISIONS:
            raise SpellingError(
                f"Precision {precision!r} is unknown.", ", ".join(PRECISIONS), closest(precision, PRECISIONS)
            )
        self.name = name
        self.path, new = pretrained.found(name)
        config = pretrained.open_config(self.path, name)
        self.family = _family(config)
        self.kind = self.family.kind
        self.precision = fast_precision() if precision == "auto" else precision
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if self.computed == "bf16" else torch.float32
        self.model, self.caveats = pretrained.open_model(self.path, config, self.family, dtype, self.precision)
        self.tokenizer = pretrained.open_tokenizer(self.path)
        self._freeze(new)
        self.fingerprint = fingerprint(self.model, new)

    @classmethod
    def sketch(cls, name: str, precision: str = "auto") -> Backbone:
        """The backbone without its weights: enough to check methods and count parameters, in no memory."""
        path, new = pretrained.found(name)
        config = pretrained.open_config(path, name)
        model = pretrained.sketch_model(config, _family(config).kind)
        self = cls.of(model, pretrained.open_tokenizer(path), name, new)
        self.precision = fast_precision() if precision == "auto" else precision
        return self

    @classmethod
    def of(cls, model: nn.Module, tokenizer: Any, name: str = "in memory", new: Sequence[str] = ()) -> Backbone:
        """A backbone around a model that already exists (tests, notebooks); it is frozen in place.

        Args:
            new: tokens that it and its tokenizer get.
        """
        self = cls.__new__(cls)
        self.name, self.path, self.model, self.tokenizer = name, name, model, tokenizer
        self.family = _family(model.config)
        self.kind, self.precision = self.family.kind, "bf16" if model.dtype == torch.bfloat16 else "fp32"
        self.device = next(model.parameters()).device
        pretrained.use_interface(model)
        self._freeze(new)
        self.sketched = self.device.type == "meta"
        self.fingerprint = "meta" if self.sketched else fingerprint(model, new)
        return self

    @property
    def quantised(self) -> bool:
        """Linear weights are kept in fewer bits: they can be acted on, not trained."""
        return self.precision in pretrained.QUANTISED

    @property
    def computed(self) -> str:
        """What it computes in: `fp32` or `bf16`."""
        return fast_precision() if self.quantised else self.precision

    def _freeze(self, new: Sequence[str]) -> None:
        self.taught = tuple(tokens.add(self.model, self.tokenizer, new)) if new else ()
        dress(self.model.eval().requires_grad_(False))
        if self.device.type == "cuda":
            # It plans anew for every shape, and with cuDNN 9.20 masked rows of some lengths get gradients that are no
            # numbers (pytorch/pytorch#196678); the kernel that takes its place has neither fault.
            torch.backends.cuda.enable_cudnn_sdp(False)
            if not self.quantised:  # quantised weights are loaded where they stay
                self.model.to(self.device)
        packed = {id(m.weight): m for m in self.model.modules() if pretrained.is_quantised(m)}
        sizes = {id(p): p.numel() for p in self.model.parameters()}
        self.parameters = sum((sizes | {i: math.prod(_shape(m)) for i, m in packed.items()}).values())
        if self.tokenizer is not None and self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token  # masks are explicit, the id is only a filler

    def forget(self, sketch: Backbone) -> None:
        """Let the weights go, for those of a sketch of the same backbone; what is known of them stays."""
        self.model = sketch.model
        if self.device.type == "cuda":
            gc.collect()  # modules are in circles with their hooks
            torch.cuda.empty_cache()

    def check_untouched(self) -> None:
        """Compare the weights with the fingerprint.

        Raises:
            Damaged: some method or caller edited the backbone, so nothing measured since can be trusted.
        """
        now = fingerprint(self.model, self.new_tokens())
        if now != self.fingerprint:
            raise Damaged(f"the weights of backbone {self.name} were changed ({self.fingerprint[:12]} -> {now[:12]})")

    def new_tokens(self) -> list[str]:
        """The texts of the new tokens."""
        return self.tokenizer.convert_ids_to_tokens(list(self.taught)) if self.taught else []

    def teach(self, delta: Delta) -> Delta:
        """The delta, which from now on also trains the rows of the new tokens, where there are any."""
        if self.taught:
            tokens.teach(self.model, delta, self.token_sites(), self.taught)
        return delta

    def token_sites(self) -> list[list[Site]]:
        """Where tokens are read and scored, grouped by the matrix that they share."""
        return tokens.sites(self.model, self.embeddings())

    # -- where a delta can act ------------------------------------------------------------------------------------

    def sites(self, targets: str) -> tuple[Site, ...]:
        """The sites that `targets` names: short names (`q,v`), roles, `all` linear layers.

        Raises:
            SpellingError: a name this family does not have.
        """
        known = self.roles()
        names = [t.strip() for t in targets.split(",") if t.strip()]
        if names in (["all"], ["all-linear"]):
            names = [r for r in known if not (r in FUSED and "attention.qkv" in self.family.roles)]
        found: list[Site] = []
        for name in names:
            role = SHORT.get(name, name)
            if role not in known:
                short = [s for s, r in SHORT.items() if r in known]
                raise SpellingError(
                    f"{self.name} has no target {name!r}.", ", ".join([*short, "all"]), closest(name, short)
                )
            found += [s for s in self.role_sites(role) if s not in found]
        if not found:
            raise SpellingError(f"No target in {targets!r}.", ", ".join(SHORT), "name at least one, for example q,v")
        return tuple(found)

    def roles(self) -> tuple[str, ...]:
        """Roles this model really has (a gate only where the feed-forward is gated)."""
        fused = FUSED if "attention.qkv" in self.family.roles else ()
        return tuple(r for r in (*self.family.roles, *fused) if self.role_sites(r))

    def role_sites(self, role: str) -> list[Site]:
        if role in FUSED and role not in self.family.roles:
            groups = self.model.config.num_attention_heads if self.family.interleaved else 1
            part = Part(groups, FUSED.index(role))
            return [
                Site(s.path, role, s.features_in, s.features_out // 3, part) for s in self.role_sites("attention.qkv")
            ]
        return [self._site(path, role) for pattern in self.family.roles.get(role, ()) for path in self.paths(pattern)]

    def _site(self, path: str, role: str) -> Site:
        out, into = _shape(self.model.get_submodule(path))
        return Site(path, role, into, out)

    def paths(self, pattern: str) -> list[str]:
        """Existing module paths for a pattern of the family table, in the order of the blocks."""
        expression = re.compile(re.escape(pattern).replace(r"\*", r"\d+"))
        return [name for name, _ in self.model.named_modules() if expression.fullmatch(name)]

    def embeddings(self) -> dict[str, Site]:
        """Stack (`encoder`, `decoder`) -> the embedding module that is called."""
        found = {}
        for stack, path in self.family.embeddings.items():
            rows, width = self.model.get_submodule(path).weight.shape
            found[stack] = Site(path, f"embedding.{stack}", rows, width)
        return found

    def attentions(self) -> list[tuple[Site, int, int]]:
        """(site, key heads, head width) of every attention module, for prefixes."""
        config, found = self.model.config, []
        for pattern in self.family.attention:
            for path in self.paths(pattern):
                heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
                if self.kind == "seq2seq" and hasattr(config, "decoder_attention_heads"):
                    heads = config.decoder_attention_heads if ".decoder." in path else config.encoder_attention_heads
                width = (
                    getattr(config, "d_kv", None)
                    or getattr(config, "head_dim", None)
                    or config.hidden_size // config.num_attention_heads
                )
                found.append((Site(path, "attention"), heads, width))
        return found

    def weight(self, site: Site) -> Tensor:
        """The frozen matrix at a site, (out, in) in fp32, only the site's part of a fused one."""
        whole = pretrained.plain_matrix(self.model.get_submodule(site.path)).float()
        return site.part.read(whole, dim=0) if site.part else whole

    def bias(self, site: Site) -> Tensor | None:
        """The frozen bias at a site in fp32, or None."""
        bias = getattr(self.model.get_submodule(site.path), "bias", None)
        if bias is None:
            return None
        return site.part.read(bias.float(), dim=0) if site.part else bias.float()

    # -- what a loss or a generator calls -------------------------------------------------------------------------

    @contextmanager
    def only_at(self, wanted_BS: Tensor) -> Iterator[None]:
        """Inside, the output head sees only the positions where `wanted_BS` is true: logits are (N, V)."""
        head = self.model.get_output_embeddings()
        # First of all hooks: what acts on the head acts on the rows that it sees.
        handle = head.register_forward_pre_hook(lambda _, args: (args[0][wanted_BS], *args[1:]), prepend=True)
        try:
            yield
        finally:
            handle.remove()

    def plain_head(self) -> nn.Linear | None:
        """The output head where a logit is the frozen Wh + b and nothing acts on it; else None."""
        head = self.model.get_output_embeddings()
        if type(head) not in (nn.Linear, Linear) or head._forward_hooks or head._forward_pre_hooks:
            return None
        added_later = getattr(self.model, "final_logits_bias", None) is not None  # BART
        return None if added_later or any(weight.requires_grad for weight in head.parameters()) else head

    @contextmanager
    def read_before_head(self, wanted_BS: Tensor) -> Iterator[list[Tensor]]:
        """Inside, no logits are made; a pass puts what the head would have read at `wanted_BS`, (N, d), in the list."""
        found: list[Tensor] = []

        def take(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            found.append(args[0][wanted_BS])
            return found[-1][:0], *args[1:]

        handle = self.model.get_output_embeddings().register_forward_pre_hook(take)
        try:
            yield found
        finally:
            handle.remove()

    def recomputing(self, wanted: bool) -> AbstractContextManager[None]:
        """Inside, where wanted, training keeps little of each layer and computes it again (`Budget.recompute`)."""
        return pretrained.recomputed(self.model) if wanted else nullcontext()

    @property
    def pooling(self) -> str:
        """What a head reads of an encoder without a pooler: `mean` or `cls`, its first token."""
        return getattr(self.model.config, "classifier_pooling", "cls")

    def pooled(self, ids_BS: Tensor, mask_BS: Tensor, **more: Tensor) -> Tensor:
        """The vector a head reads, (B, width): BERT's pooler, the first token or, where an encoder's configuration says
        so, the mean; of a decoder the last real token."""
        plain = {"use_cache": False} if self.kind == "causal" else {}
        body = self.model.base_model(input_ids=ids_BS, attention_mask=mask_BS, **plain, **more)
        if getattr(body, "pooler_output", None) is not None:
            return body.pooler_output
        if self.kind == "encoder" and self.pooling == "mean":
            real_BS1 = mask_BS[..., None].to(body.last_hidden_state.dtype)
            return (body.last_hidden_state * real_BS1).sum(1) / real_BS1.sum(1)
        if self.kind == "encoder":
            return body.last_hidden_state[:, 0]
        last_B = mask_BS.shape[1] - 1 - mask_BS.flip(1).long().argmax(1)
        return body.last_hidden_state[torch.arange(len(last_B), device=last_B.device), last_B]

    def new_head(self, labels: int, seed: int) -> nn.Module:
        """A classifier with a start that depends on the seed alone, the same for every method."""
        config, width = self.model.config, self.model.config.hidden_size
        if self.kind == "seq2seq":
            raise Refused(
                f"{self.name} is an encoder-decoder and has no class head.", "label words as text", "leave head off"
            )
        dropout = getattr(config, "classifier_dropout", None) or getattr(config, "hidden_dropout_prob", 0.0)
        with seeded(seed):
            if self.kind == "causal":
                head: nn.Module = Head(width, labels, bias=False)
            elif getattr(self.model.base_model, "pooler", None) is not None:
                head = Head(width, labels, dropout=dropout)
            else:
                head = DenseHead(width, labels, dropout)
            for parameter in head.parameters():
                nn.init.normal_(parameter, std=0.02) if parameter.ndim > 1 else nn.init.zeros_(parameter)
        return head.to(self.device)

    def chat_ids(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of `[{"role": …, "content": …}]` in the tokenizer's chat template, up to the assistant's turn."""
        return self.tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, tokenize=True, return_dict=False
        )

    def decoder_start(self) -> int:
        """The token an encoder-decoder's answer starts from."""
        start = self.model.config.decoder_start_token_id
        if start is None:
            raise UserError(
                f"{self.name} has no decoder_start_token_id.", "the id in config.json", "add it to the config"
            )
        return start

    def position_limit(self) -> int | None:
        """Positions the model can number; None where there is no such limit (T5, BLOOM)."""
        limit = getattr(self.model.config, "max_position_embeddings", None)
        padding = getattr(self.model.base_model, "embeddings", None)
        if limit and self.model.config.model_type in ("roberta", "xlm-roberta") and padding is not None:
            return limit - self.model.config.pad_token_id - 1  # RoBERTa numbers positions from pad_token_id + 1
        return limit or None

    def plain_generation(self, max_new_tokens: int, min_new_tokens: int = 0, **more: Any) -> Any:
        """A generation config with nothing inherited from the checkpoint but its special tokens."""
        words = self.tokenizer
        return pretrained.generation_config(
            max_new_tokens=max_new_tokens,
            min_new_tokens=min_new_tokens or None,
            eos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
            bos_token_id=words.bos_token_id,
            decoder_start_token_id=getattr(self.model.config, "decoder_start_token_id", None),
            **more,
        )

    def facts(self) -> dict[str, Any]:
        """What a study writes down about its backbone."""
        return {
            "name": self.name,
            "kind": self.kind,
            "architecture": self.model.config.model_type,
            "precision": self.precision,
            "parameters": self.parameters,
            "fingerprint": self.fingerprint,
            "device": str(self.device),
            "new_tokens": self.new_tokens(),
            "caveats": list(self.caveats),
        }


def fingerprint(model: nn.Module, new: Sequence[str] = ()) -> str:
    """sha256 over names, shapes and bytes of all weights and buffers that are saved, and over the new tokens."""
    digest = hashlib.sha256("".join(f"{len(text)} {text}" for text in new).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()


def _shape(module: nn.Module) -> tuple[int, int]:
    """(out, in) of a projection, however its weight is stored."""
    if pretrained.is_quantised(module):
        return module.out_features, module.in_features
    out, into = pretrained.plain_matrix(module).shape
    return out, into


def _family(config: Any) -> Family:
    if config.model_type not in FAMILIES:
        raise Refused(
            f"Architecture {config.model_type!r} has no map of its modules yet.",
            ", ".join(FAMILIES),
            "choose a backbone of one of these families",
        )
    return FAMILIES[config.model_type]
