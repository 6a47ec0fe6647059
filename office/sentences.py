"""What a refusal says to the person who reads it: in English its own words, in Chinese a sentence by its code.

Layers below `office` say in English what they refuse, and a neighbour's refusal comes over the line in English with
its code; here every such code has its Chinese sentence: what happened, what is safe, what to do. Refusals that are
bilingual where they are raised (`schemas.refusals.Refused`) need none. Never says anything personal.
`tests/architecture/test_sentences.py` finds a code without a sentence. Next: `office.cli`, `office.web.errors`.
"""

from collections.abc import Mapping
from typing import Final

from schemas.codec import Malformed
from schemas.refusals import Refused
from sync.core.errors import Fault

ORIGINAL: Final = "原文："

HINT_CHARACTERS_MAX: Final = 400
"""Of words that came from another node: our own longest refusal has 300."""
"""A sentence that ends so is followed by the refusal's own English words: they name the setting, the file, the name."""

_FETCHED_AGAIN: Final = "收到的数据有损坏，未采信，已有的数据不受影响；系统会自动重新取得，反复出现请运行 verify。"
_BAD_PAGE: Final = (
    "收到的数据页不完整或有损坏，没有收下，已有的数据不受影响；会自动重发，反复出现请检查线路和对方的软件版本。"
)
_BAD_FILE: Final = "文件内容的格式不对，不予采信；请向出具文件的单位重新索取。"
_BAD_NOTE: Final = "签名文本的格式不对，不予采信；请重新取得，并完整复制。"
_NEW_KEYS: Final = "设备的密钥或设备名不合要求，没有注册；请在该设备上另建目录重新运行 init 和 enrol。"
_ONLY_HERE: Final = "该设备不在本条线路上，没有收下任何数据；请核对 enrol 时所用的地址和注册单。"
_AGAIN_BY_ITSELF: Final = "会话已失效，没有丢失任何数据；系统会自动重新连接。"

ANSWER: Final = "answer_…"
"""Stands for every code of a page (`sync.frame`) that was met in an answer: `answer_truncated` and so on."""

SENTENCES: Final[Mapping[str, str]] = {
    # --- this node: its folder, settings, program ---
    "already_enrolled": (
        "该目录已经是一个节点，未作任何改动；请直接运行它，或用 --home 另选目录。就地重新注册须用本县、本单位的注册单。"
    ),
    "bad_catalogue": (
        "本机的 catalogue.json 无法读取，节点无法启动，办件数据不受影响；请重新导入目录，或从县节点重新复制该文件。"
    ),
    "bad_certificate": (
        "TLS 证书文件不是单个 PEM 证书，节点无法启动；请换上正确的 tls.crt 和 tls.key，或两个都删除后重新启动，"
        "由程序生成。"
    ),
    "bad_certificate_name": f"有一个名称不能写入证书；请改正设置 address 或 certificate_names 后重新启动。{ORIGINAL}",
    "bad_county_name": "县名不合要求，尚未建立；县名最多 60 个字，不能含空格、斜杠或加号，请改后重新运行 init。",
    "bad_data_key": "本机的 data.key 已损坏，节点无法启动，数据库未被改动；请从备份放回该文件。",
    "bad_divisions": (
        "本机的 divisions.csv 不是有效的区划表，节点无法启动；请在县节点用 hub divisions import 重新导入，"
        "再复制到下级节点。"
    ),
    "bad_entropy": "生成密钥所用的随机数长度不对，没有生成密钥；这是程序错误，请报告技术支持。",
    "bad_seat": (
        "本机的 seat.json 已损坏，节点无法启动，数据库未被改动；请从备份放回该文件，没有备份请凭新注册单重新注册。"
    ),
    "bad_settings": (
        f"设置有误，节点无法启动，数据不受影响；请改正 tongban.toml 或 TONGBAN_ 环境变量后重新启动。{ORIGINAL}"
    ),
    "damaged_key_file": "设备密钥文件已损坏，未被使用；请从备份放回，没有备份请在新目录中把本设备作为新设备注册。",
    "file_missing": f"节点目录中缺少一个文件或无法读取，数据库未被改动；请从备份放回并核对文件权限。{ORIGINAL}",
    "foreign_seat": (
        "本机席位（seat.json）属于另一台设备的密钥，节点无法启动；请放回本机自己的文件，或在新目录中重新注册本设备。"
    ),
    "malformed_key_file": "这不是所需的密钥文件，未被使用；请核对节点目录（--home）和其中的 device.key。",
    "newer_store": "数据库由更高版本的程序写成，本程序没有打开它，数据未被改动；请装回该版本，或恢复升级之前的备份。",
    "newer_audit": "审计数据表由更高版本的程序写成，本程序没有打开，数据未被改动；请装回该版本，或恢复升级之前的备份。",
    "redis_silent": "Redis 没有应答，未能唤醒后台程序；数据不会丢失，请启动 Redis 和后台程序，届时补审已到的条目。",
    "no_epoch": "本进程没有本节点的写入权，本次未写入；请用 run 启动节点后再试。",
    "not_county": "该操作只能由县级节点进行；县级代码为 6 位，下级单位请凭注册单用 enrol 注册。",
    "not_enrolled": (
        "该目录中的设备尚未注册到任何单位；请核对 --home 或 TONGBAN_HOME，县中心请运行 init，"
        "其他单位请凭注册单运行 enrol。"
    ),
    "not_reachable": "另一进程正在使用本机数据且没有应答，可能正在启动或停止；本次未写入，请稍候再试，或先将其停止。",
    "not_started": "节点正在启动，本次未写入；请稍候再试。",
    "other_version": "正在运行的程序与本命令的版本不同，无法读懂其应答；请重新启动节点后再试。",
    "own_fault": "本机在同步时出错，已保存的数据完好；请查看日志并运行 doctor。",
    "second_writer": "已有另一个进程在写本节点的数据，本进程未写入任何内容；请使用正在运行的那个，或先将其停止再启动。",
    "simulation_keys": "正式节点只用 Ed25519 密钥，未采用该密钥；请运行 init 生成。",
    "stopped": "节点已停止写入，本次未写入，已保存的均完好；请重新启动节点。",
    "stopping": "节点正在停止，本次未写入；请在其重新运行后再试。",
    "unknown_code": "本机不认识这个原因代码，该条目照常保存；请升级本机软件。",
    "unknown_database": (
        "设置 database 不是有效的数据库地址，节点无法启动；请留空，"
        f"或按 postgresql+asyncpg://role@host:5432/name 填写。{ORIGINAL}"
    ),
    # --- a locked village ---
    "bad_passphrase_file": f"密码文件须有两行：登录名和密码；没有作任何改动，请改正后重试。{ORIGINAL}",
    "bad_sealed_file": f"一个密封的文件已损坏，或不属于本机，没有采用；请从同一份备份放回。{ORIGINAL}",
    "bad_vault": "本机的 vault.json 已损坏，数据未被改动但无法打开；请从备份放回该文件，没有备份请更换设备。",
    "device_secret_missing": (
        "找不到本机自身的那一半密钥，无法解锁，数据未被改动；请插入设置 device_secret 所指的介质，"
        "或以运行通办的用户登录本机；确已遗失的，请更换设备。"
    ),
    "locked": (
        "本机已加锁，已保存的均加密且完好，解锁后继续；请在本机页面登录，或在终端运行命令并输入登录名和密码，"
        "也可用 --passphrase-file 指定密码文件。"
    ),
    "newer_vault": "vault.json 由更高版本的程序写成，本程序没有打开它，数据未被改动；请装回该版本。",
    "no_room_to_lock": "磁盘余量不足以写出加密的数据库，本机数据保持原样，照常使用；请清理磁盘，下次登录时会再试。",
    "passphrase_file_open": f"密码文件可被他人读取，没有采用；请改为权限 600，并更换密码。{ORIGINAL}",
    "passphrase_wrong": (
        "登录名或密码不正确，或该账号在加锁后尚未在本机登录过，没有解锁；请重新输入，或请同事先登录。"
    ),
    "vault_full": "能解锁本机的账号过多，没有再添加；请先停用不再使用的账号。",
    # --- the store ---
    "busy": "待写入的内容过多，本次没有收下；会自动重试，也可稍候再试。",
    "store_away": (
        "数据库服务器没有应答，本次未写入，已保存的均完好；请确认其已启动，并核对设置 database 中的主机和端口。"
    ),
    "store_busy": "数据库繁忙，本次未写入；请稍候再试。",
    "store_damaged": (
        "本机数据库已损坏，有一页内容与写入时不符；请勿改动该文件，恢复最近的备份，缺少的内容由上级节点补回。"
    ),
    "store_failing": "磁盘读写出错或已写满，本次未写入；请先清理磁盘再试，仍不行请立即备份并检查磁盘。",
    "store_full": "磁盘已满，本次未写入，已保存的均完好；请清理磁盘后再试（同步时出现的，可能是上级节点的磁盘）。",
    "store_locked_out": (
        "数据库拒绝登录，本次未写入；请核对设置 database 中的用户、.pgpass 中的密码（权限 600），"
        "并确认该用户是数据库的所有者。"
    ),
    "store_missing": "数据库服务器上没有该数据库；请先为本节点建立，或更正设置 database 中的库名。",
    "store_not_copied": (
        "加锁时写出的数据库与原数据库不一致，本机数据保持原样，照常使用；请检查磁盘并做备份，下次登录时会再试。"
    ),
    "store_unreadable": (
        "用本机的密钥打不开数据库：文件已损坏，或 node.db 与 vault.json 不是同一设备、同一天的；"
        "请从同一份备份放回这两个文件。"
    ),
    "store_readonly": "节点目录或数据库不可写，本次未写入，已保存的均完好；请检查目录所有者和磁盘。",
    # --- the line ---
    ANSWER: "上级节点的应答不完整或有损坏，没有采信，本机数据不受影响；请稍后再试，反复出现请核对地址和软件版本。",
    "answer_too_large": "上级地址的应答大于任何一页，没有采信；请核对上级地址。",
    "bad_address": "上级地址的写法不对；应形如 https://host:port，请照注册单填写。",
    "bad_request": "对方收到的不是本网络的请求，没有处理；请核对地址和软件版本。",
    "foreign_chain": "对方出示的是另一台设备的证书，已停止连接，没有发送数据；请核对上级地址。",
    "foreign_county": "对方或证书属于另一个县，已停止连接，没有发送数据；请核对地址和注册单。",
    "gap": "收到的数据页之前还缺一段，没有收下；会自动从缺口处重发，不会丢失。",
    "line_down": "上级节点没有应答，本机已保存的均完好，线路恢复后自动上送；请检查网络和上级地址。",
    "no_parent": "县级节点没有上级，无须同步；乡镇会自行与县联系。",
    "no_session": _AGAIN_BY_ITSELF,
    "not_a_child": _ONLY_HERE,
    "not_the_county": "该地址的应答者不是县中心的节点，没有发送任何数据；请改正设置 county（县中心节点的地址）。",
    "second_path_foreign": (
        "村级节点直接联系县中心时只能上送本村自己的记录，该页没有收下；其余内容请经乡镇上送，并请县中心核查该设备。"
    ),
    "not_a_node": "该地址的应答者不是本网络的节点，没有发送数据；请核对上级地址和端口。",
    "not_a_question": "收到的是应答页，而会话只能由下级发起，没有收下；请核对地址和软件版本。",
    "other_certificate": (
        "对方的 TLS 证书与其签名所述不符，途中可能有人截听，没有发送数据；会自动再核对一次，反复出现请核对地址，"
        "并检查途中有无代理。"
    ),
    "other_device": "上级单位已换用另一台设备；请向上级索取新的注册单。",
    "malformed_slip": "这不是凭条上的签名码；请重新扫描整个二维码，或输入其中最长的一段。",
    "presented_slip_damaged": "所记的一张凭条在本机数据库中已损坏，无法读取；请运行 verify 查看数据库是否完好。",
    "paper_damaged": "附件在本机磁盘上已损坏，已单独移开，没有交出；系统会自动重新取得，反复出现请检查磁盘。",
    "paper_mismatch": "传来的附件内容与其编号不符，没有收下，已有的附件不受影响；会自动重传，反复出现请检查对方磁盘。",
    "paper_missing": "该附件的原件不在本机；请在办件页面点“取回原图”，线路接通后自动传来。",
    "papers_unusable": f"本机的附件目录无法读写，没有写入，办件数据不受影响；请核对目录权限和磁盘。{ORIGINAL}",
    "papers_unsupported": "上级节点的版本较旧，暂不接收附件；附件都在本机，上级升级后自动上送，其他数据照常收发。",
    "plain_http": "上级地址须以 https:// 开头，只有本机回环地址可用 http；请照注册单填写。",
    "replaced_device": "本单位已由另一台设备接替本设备，本机数据完好但不再收发；请使用那台设备，或凭新注册单重新注册。",
    "revoked_device": (
        "该设备已被注销，不再收发，本机数据完好；请联系县中心，凭新注册单注册新设备；如是上级设备被注销，"
        "请向县中心索取新地址。"
    ),
    "revoked_issuer": "上级节点由一台已注销的设备签发，不予信任；请向县中心索取新的注册单。",
    "server_fault": "上级节点出错，本机已保存的均完好；会自动重试，反复出现请通知上级管理员。",
    "session_over": _AGAIN_BY_ITSELF,
    "stale_nonce": _AGAIN_BY_ITSELF,
    "too_many_pages": "对方正在处理本设备的多页数据；会自动等待后续传。",
    "too_slow": "传输中断过久，本页没有收下，已有的数据不受影响；会自动重发，请检查线路。",
    "unknown_dictionary": "对方没有所用的压缩字典；会自动改用不带字典的方式重发，数据不受影响。",
    "unknown_device": (
        "没有找到该设备，或其注册消息尚未传到：如刚刚注册，对方正在取得该消息，会自动重试，通常片刻即可；"
        "否则请核对设备名，或凭注册单注册；原已注册的，在原目录凭新注册单重新运行 enrol，数据全部保留。"
    ),
    "unknown_issuer": "签发注册的设备在本机还没有记录；请先与上级同步一次。",
    "unknown_neighbour": "与该设备之间没有线路；请核对上级地址，或先凭注册单注册。",
    "unknown_sender": "该设备没有在对方注册，没有收下任何数据；请在原目录凭新注册单运行 enrol，本机数据全部保留。",
    "wrong_receiver": "数据是发给另一台设备的，没有收下；请核对地址。",
    "wrong_sender": "应答或发送数据的不是建立会话的那台设备，没有收下；请核对地址。",
    # --- what a page or an entry may be refused for ---
    "bad_signature": (
        "签名与所属设备的密钥不符，没有采信，已有的数据不受影响；会自动索取完好的副本，反复出现请核对地址和密钥文件。"
    ),
    "bomb": _BAD_PAGE,
    "broken_chain": "收到的条目与已签名的树不符，可能在途中损坏，没有采信；会自动重新索取。",
    "fork": "同一编号出现两个不同的条目，两份均已留作证据；请在发送节点运行 verify，并报告县中心。",
    "fork_suspected": "收到的条目与本机已有的不一致，两份均已保留；请在发送节点运行 verify。",
    "incomplete": _FETCHED_AGAIN,
    "malformed": _BAD_PAGE,
    "malformed_head": _FETCHED_AGAIN,
    "malformed_line": "条目中有不可能的名称或编号，没有采信；请写入该条目的单位升级软件。",
    "not_a_frame": "收到的不是同步协议的数据页，没有收下；请核对地址和软件版本。",
    "nul_character": "文字中含有空字符，没有写入；请重新输入，不要粘贴。",
    "too_large": "数据超过大小限制，没有收下，已有的数据不受影响；请减少一次发送的内容。",
    "trailing": _BAD_PAGE,
    "truncated": _BAD_PAGE,
    "unknown_origin": (
        "条目所属设备的注册消息尚未传到，暂未收下；请先与上级同步，之后会自动补齐。上级换过设备后一直如此的，"
        "请在本机原目录凭新注册单重新运行 enrol：本机和前一台设备的内容全部保留，随后补齐。"
    ),
    "unproved": "该条目没有签名也没有证明，没有采信；请发送节点升级软件。",
    "wrong_count": _BAD_PAGE,
    "wrong_preface": _BAD_PAGE,
    # --- enrolment ---
    "bad_code": "注册码不对、已用过或已过期，没有注册；请对照注册单重新输入，或向县中心索取新单。",
    "bad_proof": "注册请求没有用其所列的密钥签名，没有注册；请在设备上重新运行 enrol。",
    "code_used_up": "注册码输错次数过多，已经作废；请向县中心索取新的注册单。",
    "foreign_certificate": "应答中的证书是给另一台设备的，没有采用；请重新运行 enrol。",
    "foreign_name": _NEW_KEYS,
    "keys_changed": "该设备已用另一套密钥注册，没有改动；新密钥就是新设备，请作为新设备注册。",
    "seat_changed": "该设备已注册为另一单位的设备，没有改动；请在该设备上重新生成密钥，再为新单位注册。",
    "malformed_key": _NEW_KEYS,
    "no_chain": "应答中没有证书，没有注册；请向县中心索取新的注册单。",
    "no_enrolment": "该地址不办理设备注册；请使用注册单上的地址。",
    "one_key": _NEW_KEYS,
    "parent_not_enrolled": "上级单位还没有注册设备；请先注册上级，再注册本设备。",
    "seat_taken": "该单位已有设备，没有改动；要更换设备，请打印替换用的注册单（--replace）。",
    "weak_key": _NEW_KEYS,
    "wrong_issuer": "只有上级单位或县中心可以为该席位注册设备，没有采信；请向县中心索取注册单。",
    "wrong_office": "单位与设备或地址不符，没有注册，也没有收下数据；请核对注册单上的单位和地址。",
    # --- courier bundles on a stick ---
    "bundle_cut": "信使包不完整：U 盘空间不足或被提前拔出。完整的部分已经收下；请重新复制，或请对方再写一次。",
    "bundle_empty": "这个文件是空的，U 盘拔出过早，没有读入任何内容；请对方重新写一次，写完后安全弹出。",
    "bundle_for_other": (
        "该信使包是写给另一台设备的，本机打不开，也没有改动；请送交文件名中的收件单位。若收件设备已经更换，请对方重新写一次。"
    ),
    "bundle_gap": (
        "前面还缺一个信使包，这一部分暂不能接上，没有收下，已有数据不受影响；请先读入更早写的，再读这一个。"
        "如果更早的已经遗失，请带一份回执回去，由对方重新写一次。"
    ),
    "bundle_manifest": "信使包的目录无法读取，没有读入任何内容；请对方重新写一次。",
    "bundle_newer": "写这个信使包的程序版本更新，本机读不了，没有改动；请先升级本机程序，再读一次。",
    "bundle_other_county": "该信使包属于另一个县，没有读入任何内容；请送回该县。",
    "bundle_own": "该信使包是本机自己写的，保留原样；请送交文件名中的收件单位。",
    "bundle_part_damaged": "这一部分已损坏，没有收下，其余不受影响；请重新复制，或请对方再写一次。",
    "bundle_part_foreign": "这一部分与发件单位签名的目录不符，没有收下；可能已损坏或被人改动，请重新复制该文件。",
    "bundle_part_misplaced": "这一部分不在它应在的位置，没有收下；文件被改动或复制有误，请重新复制。",
    "bundle_part_too_large": "信使包有一处标明的长度不可能，从该处起没有读；文件已损坏，请重新复制或请对方再写。",
    "bundle_part_unknown": "有一部分由更新版本的程序写入，本机不认识，没有收下；请升级本机程序后再读一次。",
    "bundle_replaced_sender": "写该信使包的设备已被另一台设备接替，没有读入；请在现用设备上重新写一次。",
    "bundle_revoked_sender": "写该信使包的设备已被注销，没有读入任何内容；其中的工作如何处理由上级单位决定。",
    "bundle_too_large": "文件超过信使包的上限，没有读入；请核对选择的文件。",
    "bundle_trailing": "信使包末尾之后还有多余内容，没有理会；信使包本身已按上面所述读入。",
    "bundle_unknown_sender": (
        "本机还不认识写该信使包的设备，没有读入；请先与上级同步一次，或先读入上级的信使包，然后再读这一个。"
    ),
    "bundle_unsigned": "该信使包没有所称设备的有效签名，没有读入任何内容；请勿使用，并告知管理员。",
    "no_opener": "这台设备的密钥不能打开信使包；请使用正式注册的设备。",
    "not_a_bundle": "这不是信使包，没有读入任何内容；请选择通办写出的、文件名以 .tongban 结尾的文件。",
    # --- signed texts and proofs ---
    "malformed_checkpoint": _BAD_NOTE,
    "malformed_cosignature": _BAD_NOTE,
    "malformed_frontier": "保存的树状态无法读取；请从条目重建，并运行 verify。",
    "malformed_name": "密钥名称不能含空格或加号；请按 <县>/<单位>/<设备> 填写。",
    "malformed_note": _BAD_NOTE,
    "malformed_proof": _BAD_FILE,
    "malformed_vkey": "验证密钥的写法不对；请完整复制整行。",
    "no_certificate": "本机没有该条目作者的注册证书，不能出具证明；请向上级单位索取。",
    "not_a_proof": "这不是证明文件；请选用出具单位给您的文件。",
    "not_held": "本机没有该条目；请先同步，或向上级单位索取。",
    "claim_too_large": "证明此事所需的内容过长，一份证明文件装不下；请保存整个存储，不要清理。",
    "not_signed_yet": "该条目还没有签名的检查点；请先同步一次，再出具证明。",
    "unknown_algorithm": "只使用 Ed25519 的签名和副署；请索取这种密钥。",
}
"""Code of a `Fault` or `Malformed` → the Chinese sentence."""

UNKNOWN: Final = f"本版程序不认识这个代码，已保存的数据不受影响；请将代码和原文交管理员。{ORIGINAL}"
"""For a code that only a newer neighbour knows."""


def told(refusal: Refused | Fault | Malformed, language: str) -> str:
    """What a refusal says in `language` ("en" …); Chinese for every other language, as it is the default everywhere."""
    if isinstance(refusal, Refused):
        return refusal.text(language)
    return explained(refusal.code, refusal.hint, language)


def explained(code: str, hint: str, language: str) -> str:
    """The same for a code and its English words, where the refusal itself is not at hand: a line's state, a tally.

    The words may be a stranger's who answered in a neighbour's place: what is no printable character is left out.
    """
    hint = "".join(sign if sign.isprintable() else " " for sign in hint[:HINT_CHARACTERS_MAX])
    if language.startswith("en"):
        return hint
    sentence = SENTENCES.get(code) or (SENTENCES[ANSWER] if code.startswith("answer_") else UNKNOWN)
    return sentence + hint if sentence.endswith(ORIGINAL) else sentence
