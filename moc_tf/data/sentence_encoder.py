"""Encoders of sentence-transformers, by name or from a folder."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# What models call the prompt of texts that are searched, and not searched with.
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")


class SentenceEncoder:
    """An encoder that sentence-transformers loads; a `TextEncoder`.

    It runs on a GPU where PyTorch finds one. Needs the extra `text`:
    `pip install "moc_tf[text]"`.

    Args:
      name: a folder with a model, which needs no network; or the name of a model on
        the Hugging Face Hub, which is downloaded at its first use.
      max_tokens: cut texts after so many tokens; None is as many as the model takes.
      prompt: put in front of each text, such as "passage: " for E5; None is the
        prompt for documents that the model brings, or else none.

    Attributes:
      info: what tells this encoder from any other, for `embed_items`: name, revision
        (of a folder: SHA-256 of its files), max_tokens and prompt.

    Raises:
      ImportError: if sentence-transformers is not installed.
      ValueError: if no model can be had from there, or max_tokens is out of range.
    """

    info: Mapping[str, Any]

    def __init__(
        self, name: str, max_tokens: int | None = None, prompt: str | None = None
    ):
        self._model = _load(name)
        limit = self._model.max_seq_length
        if max_tokens is not None:
            if not 1 <= max_tokens <= (limit or max_tokens):
                raise ValueError(
                    f"max_tokens must be from 1 to {limit}, which is what the encoder "
                    f"{name!r} takes. Received: {max_tokens}."
                )
            self._model.max_seq_length = max_tokens
        if prompt is None:
            own = (self._model.prompts.get(key) for key in _DOCUMENT_PROMPTS)
            prompt = next((text for text in own if text), "")
        self._prompt = prompt
        self.info = {
            "library": "sentence-transformers",
            "name": Path(name).resolve().name if Path(name).is_dir() else name,
            "revision": _revision(self._model, name),
            "max_tokens": self._model.max_seq_length,
            "prompt": prompt,
        }

    def encode(self, texts: list[str]) -> np.ndarray:
        """Vectors of texts, float32 [texts, dims]; see `TextEncoder.encode`."""
        return self._model.encode_document(
            texts,
            prompt=self._prompt,
            batch_size=len(texts),
            show_progress_bar=False,
        )

    def count_cut(self, texts: Sequence[str]) -> int:
        """How many of the texts are longer than max_tokens, and so lose their ends."""
        limit = self._model.max_seq_length
        if limit is None:
            return 0
        # But for the few that mark its beginning and end, a token has at least a byte:
        # that alone shows of most texts that they are short enough.
        most = [len((self._prompt + text).encode()) + 8 for text in texts]
        return sum(
            self._count_tokens(text) > limit
            for text, tokens in zip(texts, most, strict=True)
            if tokens > limit
        )

    def _count_tokens(self, text: str) -> int:
        tokens = self._model.tokenizer(
            self._prompt + text, truncation=False, verbose=False
        )
        return len(tokens["input_ids"])


def _load(name: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ImportError(
            "Embedding texts needs sentence-transformers, which cannot be imported: "
            f'{error}. pip install "moc_tf[text]", or give '
            "moc_tf.data.embed_items another encoder."
        ) from error
    folder = Path(name)
    if folder.is_dir():
        known = ("modules.json", "config.json")
        if not any((folder / file).is_file() for file in known):
            raise ValueError(
                "A folder with an encoder has a modules.json, as sentence-transformers "
                "saves it, or the config.json of a transformer. Received: "
                f"{name!r}, which has neither."
            )
    elif folder.is_absolute() or name.startswith("."):
        # Without this, a misspelt folder is looked for on the Hub, for a minute.
        raise ValueError(f"There is no folder {name} with an encoder.")
    try:
        return SentenceTransformer(name)
    except OSError as error:
        raise ValueError(
            f"The encoder {name!r} cannot be loaded: {error} Without a network, give "
            "the folder of a model."
        ) from error


def _revision(model: Any, name: str) -> str:
    if Path(name).is_dir():
        return _folder_sha256(Path(name))
    loaded = model.transformers_model
    revision = getattr(loaded and loaded.config, "_commit_hash", None)
    revision = revision or model.model_card_data.base_model_revision
    if not revision:
        raise ValueError(
            f"It is not known which revision of {name!r} was loaded, so that vectors "
            "of two revisions could be mixed. Save it to a folder, and give that."
        )
    return str(revision)


def _folder_sha256(folder: Path) -> str:
    """SHA-256 over names and contents of a folder's files, but for hidden ones."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.is_file() and not hidden:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            digest.update(f"{content} {relative.as_posix()}\n".encode())
    return digest.hexdigest()
