"""Why an entry that was kept does not count, or not yet: every code and its sentences.

Never decides: `office.casebook` and `sync.housekeeping` do. `tests/architecture/test_reasons.py` finds a code that is
given somewhere and not explained here. Next: `office.web.pages.line`, which shows them.
"""

from typing import Final

from schemas.casework.casefile import BREACHES
from schemas.oversight_fold import AWAITING, MISADDRESSED, NOT_ADDRESSED
from sync.core.errors import LocalFault

AWAITING_PREDECESSOR: Final = AWAITING
FOREIGN_OFFICE: Final = "foreign_office"
NO_SUBJECT: Final = "no_subject"
NO_BODY: Final = "no_body"
FOLD_FAILED: Final = "fold_failed"
REVOKED: Final = "revoked"
REGISTER_FOREIGN: Final = "register_foreign"
OVERSIGHT_FOREIGN: Final = "oversight_foreign"
SCORE_UNEARNED: Final = "score_unearned"

CODES: Final[dict[str, tuple[str, str]]] = {
    AWAITING_PREDECESSOR: (
        "该步骤的前一步尚未传到本机，收到后自动生效；长时间未到请检查线路。",
        "The step before this one has not arrived; it counts once that is here. If it stays away, look at the line.",
    ),
    FOREIGN_OFFICE: (
        "该步骤自称由另一单位作出，但写入设备不属于该单位，不予采信；请县中心核查该设备。",
        "The step names an office that its device does not belong to; it does not count. The county must examine it.",
    ),
    NO_SUBJECT: (
        "该步骤未写明所属的件；请写入单位的管理员检查软件。",
        "The step names no case; the administrator of the writing office must check its software.",
    ),
    NO_BODY: (
        "该步骤的内容不在本机；请等待线路补送或联系上级。",
        "The step's content is not here; wait for the line to fetch it, or call the office above.",
    ),
    FOLD_FAILED: (
        "处理该步骤时程序出错，本件保持原状；请将日志交管理员。",
        "The program failed on this step and left the case as it was; hand the log to the administrator.",
    ),
    "unknown_kind": (
        "该步骤来自更高版本，升级本机软件后自动生效。",
        "The step comes from a newer version; it counts once this node is upgraded.",
    ),
    "newer_body": (
        "该步骤来自更高版本，升级本机软件后自动生效。",
        "The step comes from a newer version; it counts once this node is upgraded.",
    ),
    REVOKED: (
        "写入该步骤的设备已被注销，须由县中心核对后放行。",
        "The device that wrote the step was revoked; the county must review and release it.",
    ),
    REGISTER_FOREIGN: (
        "该条公告的事项不归写入单位管理（如乡镇发布全县目录、代其他乡镇发布开放时间），不予采信；请县中心核查写入设备。",
        "What this publishes is not its writer's to publish; it does not count. The county must examine that device.",
    ),
    OVERSIGHT_FOREIGN: (
        "督办、考核、通报由县中心发出，答复、申诉由被督办、被考核单位作出；本条写入单位无权，不予采信；请县中心核查写入设备。",
        "Orders and scores are the county's to write, answers their addressee's; this one does not count. Examine it.",
    ),
    NOT_ADDRESSED: (
        "该答复或申诉不是由被督办、被考核的单位作出，不予采信；请该单位自行答复，并请县中心核查写入设备。",
        "This answers for another office; it does not count. That office must speak for itself; examine the device.",
    ),
    MISADDRESSED: (
        "该条所写的单位与督办单或考核记录上的单位不一致，不予采信；请县中心核查写入设备。",
        "This names another office than the order or score it is about; it does not count. Examine the device.",
    ),
    SCORE_UNEARNED: (
        "加分没有写明做了什么（件数为零或无凭据），不予采信：“零投诉”等零数字本身不得加分；请县中心凭据重新记分。",
        "Points added for nothing that happened, as for no complaints, do not count; enter them again with evidence.",
    ),
    "malformed": (
        "该步骤的内容无法读取；请写入单位的管理员检查软件。",
        "The step's content cannot be read; the administrator of the writing office must check its software.",
    ),
    "too_large": (
        "该步骤的内容超过限制；请写入单位的管理员检查软件。",
        "The step's content is over the limit; the administrator of the writing office must check its software.",
    ),
    "nul_character": (
        "该步骤含有空字符，无法显示；请写入单位的管理员检查软件。",
        "The step holds a NUL character and cannot be shown; its office's administrator must check the software.",
    ),
    "unknown_device": (
        "该消息所指的设备或写入它的设备在本机还没有记录，有关注册消息到达后自动生效；长时间未到请检查线路。",
        "A device that this names, or its writer, is not known here yet; it counts once its enrolment has arrived.",
    ),
    "unbelieved_enrolment": (
        "该设备注册消息不是由有权的单位签发，或与已有注册冲突，不予采信，该设备不会因此被承认；请县中心核查写入设备。",
        "Its writer may not enrol this device so; it does not count. The county must examine the writing device.",
    ),
    "unbelieved_revocation": (
        "该设备注销消息不是由上级单位写入，不予采信，所指设备不因此注销；请县中心核查写入设备。",
        "No office above the device wrote this revocation; it does not count. The county must examine its writer.",
    ),
    "unbelieved_release": (
        "该放行消息不是由上级单位写入，不予采信，所指步骤仍然暂扣；请县中心核查写入设备。",
        "No office above the device wrote this release; it does not count. The county must examine its writer.",
    ),
    "unbelieved_beacon": (
        "该条自称县中心的每日声明，但不是由县中心的设备写入，不予采信；请县中心核查写入设备。",
        "The county did not write this statement in its name; it does not count. The county must examine its writer.",
    ),
    "unbelieved_watermark": (
        "该条自称县中心对某单位的存量说明，但不是由县中心的设备写入，不予采信；请县中心核查写入设备。",
        "The county did not write this statement of its holdings; it does not count. The county must examine it.",
    ),
    "unbelieved_erasure": (
        "该条删除令不是由县中心的设备写入，或所指的不是同一件，不予采信，没有删除任何内容；请县中心核查写入设备。",
        "This order of erasure is not the county's, or names another case; it erased nothing. The county must look.",
    ),
    "bad_receipt": (
        "该回执的签名不是写入设备的，不予采信，所列条目不算已签收；请县中心核查写入设备。",
        "This receipt is not signed by its writer; nothing is receipted by it. The county must examine that device.",
    ),
}
"""Why an entry is held or quarantined → (zh, en). Breaches of casework rules have theirs in `casefile.BREACHES`."""


def explain(code: str) -> tuple[str, str]:
    """(zh, en) for a reason of holding or quarantine. Raises `LocalFault` for a code that no version here gives."""
    found = CODES.get(code) or BREACHES.get(code)
    if found is None:
        raise LocalFault("unknown_code", f"no reason called {code} is known here; upgrade this node")
    return found
