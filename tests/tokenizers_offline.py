"""Tiny tokenizers built in memory: one word, one token. No network, no files."""

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

WORDS = "user system assistant think Name three rivers . ? Be brief Hello there again answer".split()
SPECIALS = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
BOS = SPECIALS.index("<s>")

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant{% endif %}"
)
WITH_BOS = "{{ bos_token }}" + CHATML
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + CHATML
)
DROPS_SYSTEM = (
    "{% for m in messages if m.role != 'system' %}{{ m.role }} {{ m.content }}{% endfor %} assistant"
)
THINKS = CHATML + "{% if enable_thinking is defined and not enable_thinking %} think think{% endif %}"
THINKS_OTHERWISE = CHATML + "{% if thinking %} think{% endif %}"
ONLY_SPEAKS_OF_IT = "{% set unused = 'enable_thinking' %}" + CHATML


def tokenizer(
    template: str | None = None, *, adds_bos: bool = False, has_bos: bool = True
) -> PreTrainedTokenizerFast:
    """Build a word tokenizer; `adds_bos` writes one before every plain text, as Llama's does."""
    vocabulary = {word: place for place, word in enumerate(SPECIALS + WORDS)}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    if adds_bos:
        core.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", BOS)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",
        bos_token="<s>" if has_bos else None,
        eos_token="</s>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        chat_template=template,
    )
