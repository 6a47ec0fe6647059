"""The one shape of a refusal: a stable code, and a sentence in Chinese and English that says what to do.

Never carries personal data: the text may be logged and shown on a screen that others see. Raised at the pen only;
what arrives from elsewhere is recorded, not refused (DESIGN 1.5). Next: `schemas.casework.lifecycle.NotPermitted`.
"""


class Refused(ValueError):
    """What a person asked for, or typed, cannot be taken. `code` is stable for programs, the texts are for people."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.zh = zh
        self.en = en

    def text(self, language: str) -> str:
        """The sentence in `language` ("en" …); Chinese for every other language, as it is the default everywhere."""
        return self.en if language.startswith("en") else self.zh
