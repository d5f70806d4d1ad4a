"""Writes the tiny model: ``model_file("tiny")`` is its path, made at the first call (2 s) and kept.

The file lies outside the repository (``~/.cache/zhike-test``, or ``ZHIKE_TEST_CACHE``) under the hash
of the code that makes it, so a change of this folder makes it anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Literal

from zhike.testing.llama.vocabulary import SPECIAL, learn

Kind = Literal["tiny", "slow"]

WIDTH, LAYERS, HEADS, KV_HEADS, HEAD = 128, 4, 4, 2, 32
FEED_FORWARD = 384
SLOW_FEED_FORWARD = 65_536
"""Zeros beyond FEED_FORWARD: some 100 tokens/s on a 2-core machine, where the tiny one makes thousands."""
CONTEXT = 32_768
"""More than any test needs: a Chinese character is two or three of its tokens, where real models need one."""
MERGES = 200
TEXT_CHARS = 4_000
"""Of each language: enough for words that are more than bytes, learnt in a tenth of a second."""

TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content %}{{- message.content }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}{{- '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if tools %}{{- '<|im_start|>system\\n# Tools\\n' }}
{%- for tool in tools %}{{- tool | tojson + '\\n' }}{%- endfor %}
{{- 'Call one with <tool_call>\\n{"name": …, "arguments": …}\\n</tool_call><|im_end|>\\n' }}
{%- endif %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""
"""ChatML, with tools in Qwen2.5's way."""


def model_file(kind: Kind = "tiny") -> Path:
    """The path of a model, made if it is not there yet.

    Raises:
        ModuleNotFoundError: gguf or numpy is not installed.
    """
    folder = Path(os.environ.get("ZHIKE_TEST_CACHE") or Path.home() / ".cache" / "zhike-test")
    made_by = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    path = folder / f"{kind}-{hashlib.sha256(made_by).hexdigest()[:16]}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            fresh = Path(temporary) / "model.gguf"
            write(fresh, kind)
            fresh.rename(path)  # two test runs at once: the later one wins, both are whole
    return path


def write(path: Path, kind: Kind) -> None:
    """Writes a model to ``path``."""
    import gguf

    import zhike.sample  # a few hundred sentences in both languages

    articles = Path(zhike.sample.__file__).parent.glob("articles.*.yaml")
    tokens, merges = learn([path.read_text("utf-8")[:TEXT_CHARS] for path in sorted(articles)], MERGES)
    width = SLOW_FEED_FORWARD if kind == "slow" else FEED_FORWARD
    out = gguf.GGUFWriter(path, "qwen2")
    out.add_name(f"zhike-{kind}")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(width)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_rope_freq_base(10_000.0)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(tokens)
    control = set(SPECIAL[:3])
    out.add_token_types([gguf.TokenType.CONTROL if token in control else
                         gguf.TokenType.USER_DEFINED if token in SPECIAL else gguf.TokenType.NORMAL
                         for token in tokens])
    out.add_token_merges([" ".join(pair) for pair in merges])
    out.add_eos_token_id(tokens.index("<|im_end|>"))
    out.add_bos_token_id(tokens.index("<|endoftext|>"))
    out.add_pad_token_id(tokens.index("<|endoftext|>"))
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)
    _add_weights(out, len(tokens), width)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    _make_sparse(path)


def _add_weights(out: Any, vocabulary: int, width: int) -> None:
    """Random ones, the same at every run; what is beyond FEED_FORWARD is zero and changes no word."""
    import gguf
    import numpy as np

    dice = np.random.default_rng(7)

    def random(*shape: int) -> Any:
        return (dice.standard_normal(shape) * 0.05).astype(np.float16)

    def padded(weights: Any, *shape: int) -> None:
        whole = np.zeros(shape, np.float32)
        whole[:weights.shape[0], :weights.shape[1]] = weights
        kind = gguf.GGMLQuantizationType.Q8_0
        out.add_tensor(name, gguf.quants.quantize(whole, kind), raw_dtype=kind)

    ones = np.ones(WIDTH, np.float32)
    out.add_tensor("token_embd.weight", random(vocabulary, WIDTH))
    out.add_tensor("output_norm.weight", ones)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        out.add_tensor(block + "attn_norm.weight", ones)
        out.add_tensor(block + "ffn_norm.weight", ones)
        for part, heads in (("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS)):
            out.add_tensor(f"{block}attn_{part}.weight", random(heads * HEAD, WIDTH))
            out.add_tensor(f"{block}attn_{part}.bias", random(heads * HEAD).astype(np.float32))
        out.add_tensor(block + "attn_output.weight", random(WIDTH, HEADS * HEAD))
        for part in ("gate", "up"):
            name = f"{block}ffn_{part}.weight"
            padded(random(FEED_FORWARD, WIDTH), width, WIDTH)
        name = f"{block}ffn_down.weight"
        padded(random(WIDTH, FEED_FORWARD), WIDTH, width)


def _make_sparse(path: Path) -> None:
    """Zeros need no place on the disk, where the system can leave them out."""
    if shutil.which("fallocate"):
        subprocess.run(["fallocate", "--dig-holes", str(path)], check=False, capture_output=True)
