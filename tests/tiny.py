"""Tiny random models of every family and a tokenizer, built in code: nothing is downloaded, nothing is stored."""

from __future__ import annotations

from functools import cache

import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from luthier.families import FAMILIES as FAMILY_TABLES

WORDS = [*"abcdefghijklmnopqrstuvwxyz", "good", "bad", "yes", "no", "the", "cat", "dog", "sat", "ran", ":", ".", ","]
SPECIAL = ["<pad>", "</s>", "<s>", "<cls>", "<sep>", "<mask>", "<unk>"]
SIZE = len(SPECIAL) + len(WORDS)
COMMON = {"vocab_size": SIZE, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}


@cache
def tokenizer(kind: str = "seq2seq") -> hf.PreTrainedTokenizerFast:
    """Words of one letter and a few more; ends like the kind of model expects."""
    words = {w: i for i, w in enumerate([*SPECIAL, *WORDS])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    if kind == "seq2seq":
        inner.post_processor = processors.TemplateProcessing(
            single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
        )
    if kind == "encoder":
        inner.post_processor = processors.TemplateProcessing(
            single="<cls> $A <sep>", pair="<cls> $A <sep> $B:1 <sep>:1", special_tokens=[("<cls>", 3), ("<sep>", 4)]
        )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        eos_token="</s>",
        bos_token="<s>",
        cls_token="<cls>",
        sep_token="<sep>",
        mask_token="<mask>",
        unk_token="<unk>",
    )


def _seeded(build, config, seed: int = 0):
    torch.manual_seed(seed)
    model = build(config)
    with torch.no_grad():  # zero-initialised biases would hide faults
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return model.eval()


def t5(layers: int = 2):
    return _seeded(
        hf.T5ForConditionalGeneration,
        hf.T5Config(
            d_model=32,
            d_kv=8,
            num_heads=4,
            d_ff=48,
            num_layers=layers,
            feed_forward_proj="gated-gelu",
            decoder_start_token_id=0,
            dropout_rate=0.0,
            **COMMON,
        ),
    )


def bart(layers: int = 2):
    return _seeded(
        hf.BartForConditionalGeneration,
        hf.BartConfig(
            d_model=32,
            encoder_layers=layers,
            decoder_layers=layers,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=48,
            decoder_ffn_dim=48,
            max_position_embeddings=96,
            decoder_start_token_id=1,
            dropout=0.0,
            forced_eos_token_id=None,
            **COMMON,
        ),
    )


def bert(layers: int = 2):
    return _seeded(
        hf.BertForPreTraining,
        hf.BertConfig(
            hidden_size=32,
            num_hidden_layers=layers,
            num_attention_heads=4,
            intermediate_size=48,
            max_position_embeddings=96,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **COMMON,
        ),
    )


def roberta(layers: int = 2):
    return _seeded(
        hf.RobertaForMaskedLM,
        hf.RobertaConfig(
            hidden_size=32,
            num_hidden_layers=layers,
            num_attention_heads=4,
            intermediate_size=48,
            max_position_embeddings=96,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **COMMON,
        ),
    )


def gpt2(layers: int = 2):
    return _seeded(
        hf.GPT2LMHeadModel,
        hf.GPT2Config(
            n_embd=32,
            n_layer=layers,
            n_head=4,
            n_positions=96,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            **COMMON,
        ),
    )


def bloom(layers: int = 2):
    return _seeded(
        hf.BloomForCausalLM,
        hf.BloomConfig(hidden_size=32, n_layer=layers, n_head=4, hidden_dropout=0.0, attention_dropout=0.0, **COMMON),
    )


def _decoder(model, config, layers, **more):
    return _seeded(
        model,
        config(
            hidden_size=32,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=48,
            max_position_embeddings=96,
            **more,
            **COMMON,
        ),
    )


def llama(layers: int = 2):
    return _decoder(hf.LlamaForCausalLM, hf.LlamaConfig, layers)


def qwen2(layers: int = 2):
    return _decoder(hf.Qwen2ForCausalLM, hf.Qwen2Config, layers)


def qwen3(layers: int = 2):
    return _decoder(hf.Qwen3ForCausalLM, hf.Qwen3Config, layers, head_dim=16)


def mistral(layers: int = 2):
    return _decoder(hf.MistralForCausalLM, hf.MistralConfig, layers, sliding_window=8)


def gemma(layers: int = 2):
    return _decoder(hf.GemmaForCausalLM, hf.GemmaConfig, layers, head_dim=8)


def gemma2(layers: int = 2):
    return _decoder(hf.Gemma2ForCausalLM, hf.Gemma2Config, layers, head_dim=8, sliding_window=8)


def gemma3(layers: int = 2):
    return _decoder(hf.Gemma3ForCausalLM, hf.Gemma3TextConfig, layers, head_dim=8, sliding_window=8)


def opt(layers: int = 2):
    return _seeded(
        hf.OPTForCausalLM,
        hf.OPTConfig(
            hidden_size=32,
            ffn_dim=48,
            num_hidden_layers=layers,
            num_attention_heads=4,
            max_position_embeddings=96,
            word_embed_proj_dim=32,
            dropout=0.0,
            attention_dropout=0.0,
            **COMMON,
        ),
    )


def modernbert(layers: int = 2):
    return _seeded(
        hf.ModernBertForMaskedLM,
        hf.ModernBertConfig(
            hidden_size=32,
            num_hidden_layers=layers,
            num_attention_heads=4,
            intermediate_size=48,
            max_position_embeddings=96,
            cls_token_id=3,
            sep_token_id=4,
            **COMMON,
        ),
    )


MORE = {f.__name__: f for f in (mistral, gemma, gemma2, gemma3, opt, modernbert)}
"""Families whose contracts are few in the fast suite and all in `make matrix`."""

LOUDER, LOUD_END = {"bart": 12.0}, {"t5": 4.0, "bart": -4.0}
FAMILIES = {f.__name__: f for f in (t5, bart, bert, roberta, gpt2, bloom, llama, qwen2, qwen3)}


def backbone(family: str, layers: int = 2):
    """A fresh frozen backbone of a family."""
    from luthier.backbone import Backbone

    model = (FAMILIES | MORE)[family](layers)
    kind = FAMILY_TABLES[model.config.model_type].kind
    return Backbone.of(model, tokenizer(kind), f"tiny-{family}")


# -- one small task for all of them -----------------------------------------------------------------------------------

METHODS = (
    "lora(rank=4)",
    "dora(rank=4)",
    "ia3",
    "bitfit(everywhere=True)",
    "layernorm",
    "bottleneck(size=8)",
    "prompt(tokens=5)",
    "ptuning(tokens=5)",
    "prefix(tokens=5)",
    "full(learning_rate=0.001)",
    "peft('VERA', r=4, learning_rate=0.01)",
)
FEW = ("lora(rank=4)", "layernorm", "prompt(tokens=5)", "prefix(tokens=5)")
"""What the fast suite tries on the families of `MORE`."""


def combinations():
    """(family, method) of every contract; the ones that only `make matrix` runs carry its mark."""
    slow = pytest.mark.matrix
    own = [pytest.param(f, word) for f in FAMILIES for word in METHODS]
    more = [pytest.param(f, word, marks=() if word in FEW else slow) for f in MORE for word in METHODS]
    return pytest.mark.parametrize(("family", "word"), own + more)


TEXTS = (
    "a b c",
    "d e f g h i",
    "j k",
    "l m n o p",
    "q r s t u v w x",
    "y z",
    "the cat sat",
    "dog ran",
    "b a d",
    "g o o d c a t",
)


@cache
def shared(family: str, layers: int = 2):
    """One frozen backbone for many tests; every test that uses it leaves it bit for bit as it was."""
    return backbone(family, layers)


def task(kind: str):
    """Encoders choose a class, the others write two words."""
    from luthier.tasks.classify import Classify
    from luthier.tasks.summarise import Summarise

    if kind == "encoder":
        return Classify(prompt="{text}", answer="label", labels=("good", "bad"))
    return Summarise(prompt="{text} :", answer="summary", max_new_tokens=8)


def examples(kind: str):
    from luthier.records import Example

    def right(number: int, text: str) -> str:
        return ("good", "good", "bad")[number % 3] if kind == "encoder" else " ".join(text.split()[: 1 + number % 3])

    return [Example(str(n), str(n), {"text": t}, (right(n, t),)) for n, t in enumerate(TEXTS)]


def budget(**more):
    from luthier.records import Budget

    return Budget(**({"steps": 30, "batch_size": 5, "max_input_tokens": 40, "max_answer_tokens": 16} | more))


def plan(bone):
    """The tokens of the small task."""
    from luthier import encode

    return encode.plan(bone, task(bone.kind), examples(bone.kind), budget())


def delta(bone, word: str, seed: int = 0, moved: float = 0.0):
    """A method's delta with the head the task needs; `moved` adds noise of that size to all it trains."""
    from luthier.methods import METHODS
    from luthier.spell import parse
    from luthier.trial import fresh_delta

    made = fresh_delta(bone, parse(word, METHODS), task(bone.kind), seed)
    noise = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in made.trained().values() if moved else ():
            parameter.add_(torch.randn(parameter.shape, generator=noise) * moved)
    return made.eval()


def scores(bone, made, rows=None, tokens=None):
    """What the model says with a delta attached: logits at the label positions, or a head's logits."""
    from luthier.batches import Layout, collate
    from luthier.delta import attach
    from luthier.train import class_logits, label_logits

    tokens = tokens or plan(bone)
    batch = collate(tokens, range(len(tokens)) if rows is None else rows, Layout.of(bone, made))
    with torch.no_grad(), attach(bone.model, made):
        return class_logits(bone, made, batch) if made.head is not None else label_logits(bone, batch)


@cache
def ending(family: str):
    """A shared backbone whose rows say different things and end at different times.

    Its matrices are louder than a fresh model's, its output head is its own, and the end token's row louder still.
    """
    from luthier.backbone import Backbone

    model, noise = (FAMILIES | MORE)[family](), torch.Generator().manual_seed(7)
    head = model.get_output_embeddings()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2 and family != "t5":
                parameter.mul_(LOUDER.get(family, 5.0))
        words = torch.randn(head.weight.shape, generator=noise)
        words[1] *= LOUD_END.get(family, 2.0)
        head.weight = torch.nn.Parameter(words)
    return Backbone.of(model, tokenizer("seq2seq" if family in ("t5", "bart") else "causal"), f"ending-{family}")
