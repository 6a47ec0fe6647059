"""How hard a password is to guess, roughly: by whoever knows keyboards, calendars and what people usually choose.

A password is read as pieces. A run of neighbours on the keyboard or in the alphabet, a date, a telephone or identity
number, a usual word (also with 0 for o, @ for a), anything said twice: each is one piece, however long; any other
character is one by itself. Fewer pieces than `PIECES_MIN` are few guesses.
A rule and a short list of our own, because a guesser's dictionary weighs more memory than a village computer has to
spare. Loaded when a password is set, never for signing in. Never keeps what it is shown.
Next: `office.accounts.check_password`.
"""

import re
import unicodedata
from typing import Final

PIECES_MIN: Final = 8

RUN_CHARACTERS_MIN: Final = 3
_LINES: Final = (
    *("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "0123456789", "!@#$%^&*()", "abcdefghijklmnopqrstuvwxyz"),
    *("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "!qaz@wsx#edc$rfv%tgb^yhn&ujm*ik(ol)p"),
)
"""Rows, columns and alphabets, read either way."""
_RUNS: Final = (*_LINES, *(line[::-1] for line in _LINES))

_USUAL: Final = """
password passwd passphrase pass admin administrator root user guest test demo login welcome letmein
iloveyou monkey dragon master sunshine princess football baseball superman batman shadow michael
hello charlie secret changeme default system server computer internet windows oracle office
huawei lenovo xiaomi alibaba taobao weixin wechat tencent baidu china zhongguo beijing sichuan
chengdu guangyuan cangxi tongban mima yonghu guanliyuan zhengwu daiban bianmin fuwu zhongxin zhongduan
minzheng xitong denglu gongzuo bangong gongsi zhangsan lisi wangwu zhaoliu wang zhang chen yang zhao
woaini woaiwojia woaizuguo woshi aini laopo laogong baobao baobei haha nihao mama baba zhufu facai
5201314 1314 520 888 666 168 518 110 119 120 qwe asd zxc abc
"""
WORDS: Final = tuple(_USUAL.split())
"""What people here choose, and what is first tried at an office's sign-in page."""

_LOOK_ALIKES: Final = str.maketrans("@0$3!", "aosei")
_KNOWN: Final = re.compile(r"(?:19|20)\d\d(?:[-./]?[01]?\d[-./]?[0-3]?\d)?|1[3-9]\d{9}|\d{17}[\dx]")


def pieces(password: str) -> int:
    """How many pieces a password consists of."""
    text = unicodedata.normalize("NFKC", password).casefold()
    plain = text.translate(_LOOK_ALIKES)
    count = position = 0
    while position < len(text):
        words = max(_word(text, position), _word(plain, position))
        position += max(1, _run(text, position), words, _known(text, position), _repeated(text, position))
        count += 1
    return count


def _run(text: str, start: int) -> int:
    """The length of the run of neighbours that begins here."""
    length = RUN_CHARACTERS_MIN
    while start + length <= len(text) and any(text[start : start + length] in run for run in _RUNS):
        length += 1
    return length - 1 if length > RUN_CHARACTERS_MIN else 1


def _word(text: str, start: int) -> int:
    return max((len(word) for word in WORDS if text.startswith(word, start)), default=0)


def _known(text: str, start: int) -> int:
    """The length of the date, telephone or identity number that begins here."""
    found = _KNOWN.match(text, start)
    return len(found[0]) if found else 0


def _repeated(text: str, start: int) -> int:
    """The length of what begins here and was said before."""
    length = 0
    while start + length < len(text) and text[start : start + length + 1] in text[: start + length]:
        length += 1
    return length
