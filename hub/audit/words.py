"""A finding's sentence in both languages: the rule's words with the finding's figures, and codes put into words.

Never holds a person's name or number: facts have none. Next: `hub.audit.rules` for the sentences.
"""

from collections.abc import Mapping
from typing import Final, Protocol

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    # --- clocks
    "legal": ("法定办理时限", "the legal term"),
    "promised": ("承诺办理时限", "the promised term"),
    "acceptance": ("受理答复时限", "the answer to the filing"),
    "village": ("村级转办时限", "the village's own term"),
    "delivery": ("送达时限", "the delivery of the result"),
    "opinion": ("部门意见时限", "a department's opinion"),
    "closing": ("销号时限", "the striking off"),
    # --- states
    "overdue": ("已超期", "overdue"),
    "reminder": ("即将到期", "due soon"),
    "unclosed": ("结果已送达但未销号，属数据质量问题", "the result was handed over and the file is still open"),
    "not_provable": ("按有利于单位的时点不能认定", "not provable on the edge that favours the office"),
    "line": ("线路延误或尚未收到该单位的后续数据", "days on the line, or not heard from since"),
    "proof": ("时间证据不足", "the proof of time is not tight enough"),
    "calendar": ("涉及尚未公布节假日安排的日期", "counted over days without an official notice"),
    "none": ("无", "none"),
    "early": ("早于可证时间", "earlier than can be"),
    "late": ("晚于可证时间", "later than can be"),
    "absent": ("缺少记录", "not on record"),
    "disordered": ("次序颠倒", "recorded in the wrong order"),
    "incomplete": ("答复不完整", "the answer is incomplete"),
    "boilerplate": ("多件使用同一理由", "the same reason in many cases"),
    "late_notice": ("逾期告知补正", "a notice after the five days"),
    "repeated": ("多次告知补正", "more than one notice"),
    "more": ("多收", "more than the tariff"),
    "less": ("少收且无减免记录", "less than the tariff, no exemption on record"),
    "no_document": ("中止无文书", "a pause without its paper"),
    "last_day": ("到期当日或逾期后中止", "a pause on the last day or later"),
    "too_long": ("中止时间过长", "a pause longer than any term"),
    "no_approver": ("延期无批准人", "an extension by nobody's leave"),
    "refiled": ("临期撤回后重新申请", "withdrawn when late and filed again"),
    "outside": ("无授权", "no authority"),
    # --- steps and duties
    "survey": ("现场勘察", "the survey"),
    "publicity": ("公示", "the public notice"),
    "review": ("审查", "the review"),
    "first_review": ("乡镇初审", "the township's own review"),
    "opinions": ("征求部门意见", "the departments' opinions"),
    "production": ("制证", "the production"),
    "sealing": ("盖章", "the sealing"),
    "sealed_before": ("决定前制证或盖章", "made or sealed before the decision"),
    "surveyors": ("两名勘察人为同一人", "the two surveyors are one person"),
    "second_officer": ("复核人与经办人为同一人", "the second officer is the author"),
    "approver": ("批准人与经办人为同一人", "the approver is the author"),
    "step.acceptance": ("受理环节", "the acceptance"),
    "step.survey": ("现场勘察环节", "the survey"),
    "step.review": ("审查环节", "the review"),
    "step.decision": ("审批环节", "the decision"),
    "step.production": ("制证环节", "the production"),
    "step.sealing": ("盖章环节", "the sealing"),
    "step.issue": ("发证环节", "the issue"),
    "step.publicity": ("公示环节", "the public notice"),
    "step.archive": ("归档环节", "the archiving"),
    # --- what is lacking, and traits
    "reason": ("理由", "reason"),
    "basis": ("依据", "basis"),
    "remedy": ("救济途径", "remedy"),
    "unsigned": ("无群众签字或材料", "nothing from the resident"),
    "one_officer": ("全程一人办理", "one officer throughout"),
    "minutes": ("数分钟内办结", "over within minutes"),
    "phone": ("电话与他人相同", "the same telephone"),
    "unknown": ("申请人无其他记录", "the applicant is otherwise unknown"),
    "person": ("同一证件", "the same document"),
    "name": ("同名", "the same name"),
    "document": ("同一证件", "the same document"),
    "site": ("现场照片", "photograph of a site"),
    "material": ("材料附件", "paper"),
    # --- journals (`hub.audit.integrity`)
    "other_entry": ("同一编号下另有内容", "another entry stands under that number"),
    "disowned": ("其设备重新开始时称日志在此之前已结束", "its device, started again, ended the journal before it"),
    "not_reached": ("县里至今没有收到", "the county has not received it to this day"),
    "false_enrolment": ("在原设备仍在工作时另登记了一台设备", "enrolled another device while one was at work"),
    "false_revocation": ("挂失位置低于它自己已签收的条数", "revoked at a position below what it had signed for"),
    "forgotten": ("签收过的条目现已不在", "entries that were signed for are not here any more"),
    # --- kinds of entry
    "case.filed": ("收件", "filing"),
    "custody.offered": ("移交", "offer"),
    "custody.accepted": ("受理或接收", "acceptance"),
    "acceptance.refused": ("不予受理", "non-acceptance"),
    "papers.requested": ("一次性告知", "notice of missing papers"),
    "case.received": ("收到", "receipt"),
    "case.decided": ("决定", "decision"),
    "result.handed_over": ("送达", "handing over"),
    "case.closed": ("销号", "closing"),
    "step.completed": ("环节登记", "step"),
    "site.surveyed": ("现场勘察", "survey"),
    "opinion.given": ("部门意见", "opinion"),
    "meeting.held": ("联审会议", "joint meeting"),
    "fee.paid": ("缴费登记", "payment"),
    "papers.brought": ("补交材料", "papers brought"),
    "case.converted": ("即办转承诺", "conversion"),
    "case.expedited": ("绿色通道", "green channel"),
    "case.reopened": ("重新办理", "reopening"),
}
"""Code → (zh, en). A code that is not here is shown as it is: a day, an item, a kind of a newer version."""


class Worded(Protocol):
    """A rule of either kind: `hub.audit.rule.Declared`, `hub.audit.integrity.IntegrityRule`."""

    @property
    def sentence(self) -> tuple[str, str]:
        """(zh, en) with the names of facts in braces."""
        ...


class _Told(dict[str, str]):
    """The words of some facts; what a finding of an earlier version of the rule has not is left open."""

    def __missing__(self, key: str) -> str:
        return "…"


def sentence_of(rule: Worded, facts: Mapping[str, int | str]) -> tuple[str, str]:
    """(zh, en) of one finding."""
    zh, en = (rule.sentence[side].format_map(_Told(_told(facts, side))) for side in (0, 1))
    return zh, en


def _told(facts: Mapping[str, int | str], side: int) -> dict[str, str]:
    joint = ("、", ", ")[side]
    return {
        name: str(value)
        if isinstance(value, int)
        else joint.join(WORDS.get(part, (part, part))[side] for part in value.split("+"))
        for name, value in facts.items()
    }
