"""The wheelhouse: a folder with everything a village PC installs, to be carried there on a stick.

Every wheel is fetched by the hash that `requirements-agent.lock` names, for this machine or for Windows, and then our
own wheel is added. It must never hold anything that the lock does not name. The PC needs Python, this folder, and no
network; `INSTALL.txt` inside says how, in Chinese and English. `NOTICES.txt` names what is compiled into a wheel and is
not named by the wheel's own licence file.
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.markers import Marker

from deploy.environment import ROOT, remove, say

AGENT_LOCK = ROOT / "requirements-agent.lock"
FOLDER = ROOT / "dist" / "wheelhouse"

# What a lock's markers are judged by for each machine that we can fetch for from elsewhere.
TARGETS: Mapping[str, Mapping[str, str]] = {
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
}
TAGS: Mapping[str, Sequence[str]] = {
    "windows": ("win_amd64",),
    "linux": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_5_x86_64"),
}

INSTALL = """\
通办 · 村级代办终端：离线安装
==============================
本文件夹内已包含全部安装文件，安装时无需联网。电脑需已安装 Python {python}（64 位）。

一、安装：在本文件夹中打开命令行，依次执行：

  Windows：
    py -{python} -m venv C:\\tongban
    C:\\tongban\\Scripts\\python -m pip install --no-index --find-links . --require-hashes -r requirements-agent.lock
    C:\\tongban\\Scripts\\python -m pip install --no-index --no-deps {wheel}

  Linux：
    python{python} -m venv ~/tongban
    ~/tongban/bin/python -m pip install --no-index --find-links . --require-hashes -r requirements-agent.lock
    ~/tongban/bin/python -m pip install --no-index --no-deps {wheel}

每个安装包均按 requirements-agent.lock 中的摘要核验；若提示摘要不符，说明文件已损坏或被改动，请重新复制本文件夹。

二、注册、开户、运行。须联网一次，并备好县中心或乡镇发给本村的注册单（72 小时内有效，只能用一次）。
用日后运行程序的那个系统账户执行，单位代码、姓名请换成本村的；密码会当场询问两次，至少 12 位：

  Windows：
    C:\\tongban\\Scripts\\village-agent enrol 510824100205.txt
    C:\\tongban\\Scripts\\village-agent accounts add --login chen --name 陈某某 --role agent
    C:\\tongban\\Scripts\\village-agent run

  Linux：
    ~/tongban/bin/village-agent enrol 510824100205.txt
    ~/tongban/bin/village-agent accounts add --login chen --name 陈某某 --role agent
    ~/tongban/bin/village-agent run

手中只有纸质注册单时，enrol 后面改填单上以 tongban: 开头的一整行，前后加英文双引号。
开户后本机数据即加密，以后每次启动都是加锁状态，用此密码登录即解锁；请勿遗忘。
然后在本机浏览器打开 http://127.0.0.1:8610 登录。注册成功后请销毁注册单。按 Ctrl-C 停止运行。

三、随电脑启动。先按 Ctrl-C 停止上面的运行。

  Windows：以同一账户“以管理员身份”打开 PowerShell，执行以下各行。不要改用“任务计划程序”的默认选项：
  默认会在三天后或改用电池时停止程序。
{autostart}
  Linux：执行 crontab -e，加入一行：
    @reboot ~/tongban/bin/village-agent run

查看状况用 village-agent status，检查问题用 village-agent doctor。
升级：停止运行（Windows：Stop-ScheduledTask Tongban），对新文件夹重复第一步后两条安装命令，再启动。
已有办件和密钥不受影响。


Tongban · village agent: installing without a network
=====================================================
This folder holds everything; no network is needed. The PC must already have Python {python} (64-bit).

1. Install: open a command line in this folder and run the three commands above for Windows or Linux. Every package
is checked against its hash in requirements-agent.lock. If a hash does not match, the file was damaged or changed:
copy the folder again.

2. Enrol, make an account, run: the three commands of the second part, under the system account that will run the
program, with the line up, the village's own sheet (good for 72 hours, and once), code and name. The password is
asked for twice and has at least 12 characters. With a sheet on paper only, give enrol the whole line that begins
with tongban: in double quotes. From then on everything on this computer is encrypted: it starts locked, and that
password opens it; do not forget it. Sign in at http://127.0.0.1:8610 in this computer's browser, and destroy the
sheet. Ctrl-C ends the program.

3. Start it with the computer: end it with Ctrl-C. On Windows run the lines of the third part in a PowerShell that
was opened as administrator under the same account; the defaults of the Task Scheduler would end the program after
three days, or on battery. On Linux add the line to the crontab. See how it stands with village-agent status and
village-agent doctor. To upgrade, end the program, repeat the last two install commands with the new folder, and
start it; cases and keys stay.
"""

NOTICES = """\
通办 · 第三方软件说明 / Notices of third-party software
====================================================
每个安装包自带其许可证；以下内容编译在安装包内，而该包的许可证文件未写明，故在此列出。
Every package brings its own licence. What follows is compiled into one of them, whose licence file does not name it.

sqlcipher3 (the driver: zlib licence) contains:

- SQLCipher, community edition. Copyright Zetetic LLC. BSD-style licence with three clauses: it may be used and passed
  on, in source and binary form, with its copyright notice, its conditions and its disclaimer, and Zetetic's name may
  not be used for advertising. Its text: https://www.zetetic.net/sqlcipher/license/
- OpenSSL. Copyright The OpenSSL Project Authors. Apache License, version 2.0, the licence that Tongban has too.
  Its text: https://www.openssl.org/source/license.html and the file LICENSE of Tongban
- SQLite. In the public domain: https://www.sqlite.org/copyright.html
"""

AUTOSTART = r"""
    $run = New-ScheduledTaskAction -Execute C:\tongban\Scripts\python.exe -Argument "-OO -m village_agent run"
    $who = New-ScheduledTaskPrincipal -UserId "$env:USERDOMAIN\$env:USERNAME" -LogonType S4U
    $how = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -AllowStartIfOnBatteries `
      -DontStopIfGoingOnBatteries -RestartCount 99 -RestartInterval (New-TimeSpan -Minutes 1)
    $when = New-ScheduledTaskTrigger -AtStartup
    Register-ScheduledTask Tongban -Action $run -Principal $who -Settings $how -Trigger $when
    Start-ScheduledTask Tongban
"""
"""For PowerShell: at the start of the computer, before anybody signs in, without a stored password, without an end."""


def install_text(python: str, wheel: str) -> str:
    """INSTALL.txt for a PC with this Python and our wheel of this name."""
    return INSTALL.format(python=python, wheel=wheel, autostart=AUTOSTART)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the wheelhouse. Returns the exit status; 1 if a wheel could not be had."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy wheelhouse", description=__doc__)
    parser.add_argument("--for", dest="target", choices=("this", *TARGETS), default="this", help="the kind of PC")
    parser.add_argument("--python", default="3.11", help="the PC's Python when it is not this machine (default 3.11)")
    parser.add_argument("--into", type=Path, default=FOLDER, help=f"the folder to make (default {FOLDER})")
    chosen = parser.parse_args(arguments)
    try:
        folder = make(chosen.target, chosen.python, chosen.into.resolve())
    except subprocess.CalledProcessError as failure:
        say(f"no wheelhouse: {failure.cmd[3]} failed (see above). Check the network or PIP_INDEX_URL and run again.")
        return 1
    size = sum(file.stat().st_size for file in folder.iterdir())
    say(f"{folder}: {len(list(folder.glob('*.whl')))} wheels, {size / 1e6:.1f} MB. INSTALL.txt says how to go on.")
    return 0


def make(target: str, python: str, folder: Path) -> Path:
    """Fill `folder` with the wheels of the agent's lock, our own wheel, the lock and the instructions.

    Raises `subprocess.CalledProcessError` when pip fails; an older wheelhouse is then still in place.
    """
    python = platform.python_version().rpartition(".")[0] if target == "this" else python
    draft = folder.with_name(folder.name + ".new")
    remove(draft)
    draft.mkdir(parents=True)
    download(target, python, draft)
    wheel = build(draft)
    shutil.copy(AGENT_LOCK, draft)
    # Notepad on an old Windows needs the byte order mark to see UTF-8.
    (draft / "INSTALL.txt").write_text(install_text(python, wheel.name), encoding="utf-8-sig", newline="\r\n")
    (draft / "NOTICES.txt").write_text(NOTICES, encoding="utf-8-sig", newline="\r\n")
    remove(folder)
    draft.rename(folder)
    return folder


def download(target: str, python: str, folder: Path) -> None:
    """Fetch the agent's wheels, hash-checked. pip judges markers by the machine it runs on, so we judge them first."""
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--only-binary", ":all:", "--no-deps", "--require-hashes"]
    options: list[str] = []
    lock = AGENT_LOCK.read_text(encoding="utf-8")
    if target != "this":
        options = ["--python-version", python, "--implementation", "cp"]
        options += [part for tag in TAGS[target] for part in ("--platform", tag)]
        facts = {**TARGETS[target], "python_version": python, "python_full_version": f"{python}.4"}
        lock = "".join(chosen_requirements(lock, facts))
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(lock, encoding="utf-8")
        subprocess.run([*pip, *options, "-r", str(requirements), "-d", str(folder)], check=True)


def chosen_requirements(lock: str, facts: Mapping[str, str]) -> Iterator[str]:
    """The requirements of a lock that hold for a machine with these facts, with their hashes, without markers."""
    for requirement in re.split(r"\n(?=\S)", lock):
        head, _, hashes = requirement.partition("\\\n")
        pin, _, marker = head.partition(";")
        if not marker.strip() or Marker(marker.strip()).evaluate(dict(facts)):
            yield f"{pin.strip()} \\\n{hashes.rstrip()}\n"


def build(folder: Path) -> Path:
    """Build our own wheel with the locked setuptools, without a network, from a copy that holds no leftovers."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "tongban"
        leftovers = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "tests")
        shutil.copytree(ROOT, copy, ignore=leftovers)
        pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
        built = subprocess.run([*pip, str(copy), "-w", str(folder)], check=False, capture_output=True, text=True)
        if built.returncode:  # when it succeeds, setuptools' advice about folders of data would only frighten
            print(built.stderr, file=sys.stderr)
            built.check_returncode()
    return next(folder.glob("tongban-*.whl"))


if __name__ == "__main__":
    sys.exit(main())
