"""The demonstration's cases: the life of each, step by step, phase by phase.

Every person is invented, and their numbers begin with 519999, which no division has ever had, so that they belong to
nobody. Together they show each way of handling a matter. Never touches a process or a file. Next: `demo_play`.
"""

from typing import Final

from msgspec import structs

from deploy.demo_scenario import BY_KEY, FARMS, GRANT, INSURANCE, LAND, WINDOW, Phase, Step, Story
from schemas.identity import resident_check_character
from schemas.names import OfficeId

# --- the steps of which lives are made -------------------------------------------------------------------------------


def _code(place: str) -> OfficeId:
    return BY_KEY[place].office


def _file(phase: Phase, village: str) -> Step:
    return Step(phase, village, "case.filed")


def _offer(phase: Phase, at: str, to: OfficeId, office: OfficeId | None = None) -> Step:
    return Step(phase, at, "custody.offered", {"to": to}, office)


def _accept(phase: Phase, at: str, office: OfficeId | None = None) -> Step:
    return Step(phase, at, "custody.accepted", {}, office)


def _grant(phase: Phase, at: str, office: OfficeId | None = None) -> Step:
    fields: dict[str, str | tuple[str, ...]] = {
        "outcome": "granted",
        "reason": "材料齐全，符合规定条件（样例）。",
        "basis": "按事项目录所列依据（样例）",
    }
    return Step(phase, at, "case.decided", fields, office)


def _entrusted(step: Step) -> Step:
    """The same decision in the name of the organ that entrusted it."""
    return structs.replace(step, fields=step.fields | {"grant": GRANT.number, "on_behalf_of": GRANT.grantor})


def _except(step: Step, *rows: str) -> Step:
    """The same decision on a list, but for these rows."""
    return structs.replace(step, fields=step.fields | {"excepted": rows})


def _refuse(phase: Phase, at: str) -> Step:
    fields: dict[str, str | tuple[str, ...]] = {
        "outcome": "refused",
        "reason": "不符合规定条件：与核查结果不一致（样例）。",
        "basis": "按事项目录所列依据（样例）",
        "remedy": "可在六十日内申请行政复议，或在六个月内提起行政诉讼（样例）。",
    }
    return Step(phase, at, "case.decided", fields)


def _done(phase: Phase, at: str, step: str, opinion: str, office: OfficeId | None = None) -> Step:
    """One of the nine steps, which the catalogue plans and the pen waits for."""
    return Step(phase, at, "step.completed", {"step": step, "opinion": opinion}, office)


def conversion_before(decision: Step) -> Step:
    """What an officer records first when a case was not decided on the day on which it should have been."""
    fields: dict[str, str | tuple[str, ...]] = {"promise_days": "1", "reason": "受理当日未能办结，转为承诺件（样例）。"}
    return Step(decision.phase, decision.at, "case.converted", fields, decision.office)


def _survey(phase: Phase, at: str, findings: str) -> Step:
    """Two officers of the township on the spot, whether its line is up or not."""
    fields: dict[str, str | tuple[str, ...]] = {
        "surveyors": (f"{_code(at)}/approver",),
        "place": "申请地块（样例）",
        "findings": findings,
        "agrees": "yes",
    }
    return Step(phase, at, "site.surveyed", fields, days={"on": 0})


def _opinion(phase: Phase, office: OfficeId, opinion: str, reason: str) -> Step:
    fields = {"opinion": opinion, "reason": reason, "basis": "按部门职责（样例）"}
    return Step(phase, "hub", "opinion.given", {**fields}, office)


def _up(phase: Phase, village: str, township: str) -> tuple[Step, ...]:
    """Filed at the village and offered to its township."""
    return (_file(phase, village), _offer(phase, village, _code(township)))


def _home(phase: Phase, decider: str, village: str, office: OfficeId | None = None) -> tuple[Step, ...]:
    """The result goes back to the village, to the resident, and the case is struck off."""
    return (
        _offer(phase, decider, _code(village), office),
        _accept(Phase.ALL_BACK, village),
        Step(Phase.ALL_BACK, village, "result.handed_over", {"recipient": "申请人本人（样例）", "how": "counter"}),
        Step(Phase.ALL_BACK, village, "case.closed"),
    )


def _number(serial: int, born: str = "0301") -> str:
    """A resident number of nobody: division 519999 does not exist."""
    digits = f"519999{1941 + serial}{born}{serial:03d}"
    return digits + resident_check_character(digits)


def _people(count: int) -> tuple[tuple[str, str], ...]:
    """Everybody on a list."""
    return tuple((f"样例·村民{serial:02d}", _number(serial, "0601")) for serial in range(1, count + 1))


def _story(
    serial: int,
    zh: str,
    en: str,
    item: str,
    steps: tuple[Step, ...],
    *,
    ends_in: str = "closed",
    twice: bool = False,
    rows: tuple[tuple[str, str], ...] = (),
) -> Story:
    return Story(
        key=f"{serial:02d}",
        zh=zh,
        en=en,
        item=item,
        applicant=f"样例·居民{serial:02d}",
        number=_number(serial),
        phone=f"1990000{serial:04d}",
        statement="样例案件：用于演示，不是真实办件。",
        steps=steps,
        ends_in=ends_in,
        is_clicked_twice=twice,
        rows=rows,
    )


# --- the cases -------------------------------------------------------------------------------------------------------

_P = Phase
_MISSING = {"materials": ("证件照",), "reason": "缺证件照一张，请补交（样例）。"}
_WANTED = {"materials": ("户口簿",), "reason": "核查需要户口簿，请补交（样例）。"}

PRINTED: Final = ("17", "05")
"""The joint case and the offline village case, whose stories are printed at the end."""

STORIES: Final = (
    _story(
        1,
        "断线前受理，断县线时镇上照常办结",
        "accepted before the cut, decided by the township while its own line up is down",
        "WJ05",
        (
            *_up(_P.WORKDAY, "v1", "t1"),
            _accept(_P.WORKDAY, "t1"),
            _grant(_P.VILLAGES_BACK, "t1"),
            _done(_P.VILLAGES_BACK, "t1", "production", "优待证已制作（样例）。"),
            *_home(_P.VILLAGES_BACK, "t1", "v1"),
        ),
    ),
    _story(
        2,
        "断线时收件，线路恢复后自动上报",
        "filed while the line is down, goes up by itself when it is back",
        "RS05",
        (
            *_up(_P.LINES_DOWN, "v1", "t1"),
            _accept(_P.VILLAGES_BACK, "t1"),
            _grant(_P.VILLAGES_BACK, "t1"),
            *_home(_P.VILLAGES_BACK, "t1", "v1"),
        ),
        twice=True,
    ),
    _story(
        3,
        "断线时收件，镇上不予许可",
        "filed while the line is down, refused by the township with reason, basis and remedy",
        "SC03",
        (
            *_up(_P.LINES_DOWN, "v1", "t1"),
            _accept(_P.VILLAGES_BACK, "t1"),
            _refuse(_P.VILLAGES_BACK, "t1"),
            *_home(_P.VILLAGES_BACK, "t1", "v1"),
        ),
    ),
    _story(
        4,
        "一次性告知补材料，村里补交后办结",
        "missing papers named in one notice, brought to the village, then granted",
        "WJ05",
        (
            *_up(_P.LINES_DOWN, "v2", "t1"),
            Step(_P.VILLAGES_BACK, "t1", "papers.requested", {**_MISSING}),
            Step(_P.VILLAGES_BACK, "v2", "papers.brought", {"materials": ("证件照",), "note": "已补交（样例）"}),
            Step(_P.VILLAGES_BACK, "t1", "papers.received", {"materials": ("证件照",)}),
            _accept(_P.VILLAGES_BACK, "t1"),
            _grant(_P.AFTER_BACKUP, "t1"),
            _done(_P.AFTER_BACKUP, "t1", "production", "优待证已制作（样例）。"),
            *_home(_P.AFTER_BACKUP, "t1", "v2"),
        ),
    ),
    _story(
        5,
        "断线时持委托书代办收件，镇里上报，县人社局窗口决定",
        "filed with a mandate while the line is down, passed on, decided at the county's window",
        "RS01",
        (
            *_up(_P.LINES_DOWN, "v1", "t1"),
            _accept(_P.VILLAGES_BACK, "t1"),
            _offer(_P.VILLAGES_BACK, "t1", WINDOW),
            _accept(_P.AFTER_BACKUP, "hub", WINDOW),
            _grant(_P.AFTER_BACKUP, "hub", WINDOW),
            *_home(_P.AFTER_BACKUP, "hub", "v1", WINDOW),
        ),
    ),
    _story(
        6,
        "群众在村里撤回申请",
        "withdrawn at the village on the resident's word",
        "WJ02",
        (
            _file(_P.LINES_DOWN, "v2"),
            Step(_P.LINES_DOWN, "v2", "case.withdrawn", {"reason": "申请人撤回（样例）"}),
            Step(_P.LINES_DOWN, "v2", "case.closed"),
        ),
    ),
    _story(
        7,
        "村里申请撤回移交，镇里退回，改正后重报",
        "the village asks for its offer back, the township gives it back, and it is offered again",
        "WJ01",
        (
            *_up(_P.LINES_DOWN, "v2", "t1"),
            Step(_P.LINES_DOWN, "v2", "recall.requested", {"reason": "登记有误，申请撤回更正（样例）"}),
            Step(_P.VILLAGES_BACK, "t1", "custody.declined", {"reason": "应村里申请退回（样例）"}),
            _offer(_P.AFTER_BACKUP, "v2", _code("t1")),
            _accept(_P.AFTER_BACKUP, "t1"),
            _grant(_P.AFTER_BACKUP, "t1"),
            *_home(_P.AFTER_BACKUP, "t1", "v2"),
        ),
    ),
    _story(
        8,
        "不属本镇受理，说明理由退回，群众撤回",
        "not that township's matter, given back with reason; the resident withdraws",
        "YB01",
        (
            *_up(_P.LINES_DOWN, "v3", "t2"),
            Step(_P.VILLAGES_BACK, "t2", "custody.declined", {"reason": "不属于本镇受理范围（样例）", "basis": "样例"}),
            Step(_P.AFTER_BACKUP, "v3", "case.withdrawn", {"reason": "申请人改向户籍地申请（样例）"}),
            Step(_P.AFTER_BACKUP, "v3", "case.closed"),
        ),
    ),
    _story(
        9,
        "备份之后才办的件，恢复旧备份也不丢",
        "handled after the backup was taken; the old backup does not lose it",
        "RS03",
        (
            *_up(_P.LINES_DOWN, "v3", "t2"),
            _accept(_P.AFTER_BACKUP, "t2"),
            _grant(_P.AFTER_BACKUP, "t2"),
            *_home(_P.RESTORED, "t2", "v3"),
        ),
    ),
    _story(
        10,
        "备份之后受理，恢复之后补材料办结",
        "accepted after the backup; papers and decision after the restore",
        "WJ05",
        (
            *_up(_P.LINES_DOWN, "v4", "t2"),
            _accept(_P.AFTER_BACKUP, "t2"),
            Step(_P.AFTER_BACKUP, "t2", "papers.requested", {**_WANTED}),
            Step(_P.RESTORED, "v4", "papers.brought", {"materials": ("户口簿",), "note": "已补交（样例）"}),
            Step(_P.RESTORED, "t2", "papers.received", {"materials": ("户口簿",)}),
            _grant(_P.RESTORED, "t2"),
            _done(_P.RESTORED, "t2", "production", "优待证已制作（样例）。"),
            *_home(_P.RESTORED, "t2", "v4"),
        ),
    ),
    _story(
        11,
        "镇机器恢复旧备份期间，村里照常收件",
        "filed in the village while its township's machine was being restored",
        "SC03",
        (
            *_up(_P.RESTORED, "v4", "t2"),
            _accept(_P.RESTORED, "t2"),
            _grant(_P.RESTORED, "t2"),
            *_home(_P.RESTORED, "t2", "v4"),
        ),
    ),
    _story(
        12,
        "镇里失联，县中心改派邻镇办理",
        "its township falls silent; the county reassigns it to the neighbouring township",
        "RS05",
        (
            *_up(_P.WORKDAY, "v2", "t1"),
            Step(
                _P.SILENT_TOWNSHIP,
                "hub",
                "custody.reassigned",
                {"to": _code("t2"), "reason": "原单位失联，限期办理（样例）", "approver": "510824/leader"},
            ),
            _accept(_P.SILENT_TOWNSHIP, "t2"),
            _grant(_P.SILENT_TOWNSHIP, "t2"),
            *_home(_P.SILENT_TOWNSHIP, "t2", "v2"),
        ),
    ),
    _story(
        13,
        "镇与镇之间转办",
        "passed from one township to the other, through the county",
        "SC03",
        (
            *_up(_P.WORKDAY, "v3", "t2"),
            _accept(_P.WORKDAY, "t2"),
            _offer(_P.WORKDAY, "t2", _code("t1")),
            _accept(_P.AFTER_BACKUP, "t1"),
            _grant(_P.AFTER_BACKUP, "t1"),
            *_home(_P.AFTER_BACKUP, "t1", "v3"),
        ),
    ),
    _story(
        14,
        "镇里上报，县人社局窗口决定（云峰镇）",
        "passed on by the other township, decided at the county's window",
        "RS06",
        (
            *_up(_P.LINES_DOWN, "v4", "t2"),
            _accept(_P.VILLAGES_BACK, "t2"),
            _offer(_P.VILLAGES_BACK, "t2", WINDOW),
            _accept(_P.AFTER_BACKUP, "hub", WINDOW),
            _done(_P.SILENT_TOWNSHIP, "hub", "publicity", "公示三日，无异议（样例）。", WINDOW),
            _grant(_P.SILENT_TOWNSHIP, "hub", WINDOW),
            *_home(_P.SILENT_TOWNSHIP, "hub", "v4", WINDOW),
        ),
    ),
    _story(
        15,
        "断线时收件，镇上不予许可（云峰镇）",
        "filed while the line is down, refused by the other township",
        "MZ03",
        (
            *_up(_P.LINES_DOWN, "v3", "t2"),
            _accept(_P.VILLAGES_BACK, "t2"),
            _done(_P.VILLAGES_BACK, "t2", "survey", "入户调查，与申报不符（样例）。"),
            _refuse(_P.VILLAGES_BACK, "t2"),
            *_home(_P.VILLAGES_BACK, "t2", "v3"),
        ),
    ),
    _story(
        16,
        "断线时收件，回执在途中丢失，重发不重复",
        "filed while the line is down; the answer to its first sending is lost, it is sent again and counts once",
        "YB01",
        (
            *_up(_P.LINES_DOWN, "v4", "t2"),
            _accept(_P.VILLAGES_BACK, "t2"),
            _grant(_P.VILLAGES_BACK, "t2"),
            _done(_P.VILLAGES_BACK, "t2", "production", "已缴费（样例）。"),
            *_home(_P.VILLAGES_BACK, "t2", "v4"),
        ),
    ),
    _story(
        17,
        "联办：镇里同时征求两个部门意见，一家缺席联审会，会后补意见",
        "a joint case: two departments are asked at once; one misses the meeting and agrees afterwards",
        "NY01",
        (
            *_up(_P.WORKDAY, "v1", "t1"),
            _accept(_P.WORKDAY, "t1"),
            Step(
                _P.WORKDAY,
                "t1",
                "opinions.requested",
                {"to": (FARMS, LAND), "note": "请并联审查（样例）。"},
                days={"due": 5, "meeting_on": 0},
            ),
            _opinion(_P.WORKDAY, FARMS, "agrees", "符合一户一宅，同意（样例）。"),
            _done(_P.WORKDAY, "t1", "review", "村集体讨论通过（样例）。"),
            _survey(_P.WORKDAY, "t1", "三到场勘察：四至清楚，未占永久基本农田（样例）。"),
            _done(_P.VILLAGES_BACK, "t1", "publicity", "村内公示五日，无异议（样例）。"),
            Step(
                _P.AFTER_BACKUP,
                "t1",
                "meeting.held",
                {
                    "invited": (FARMS, LAND),
                    "present": (FARMS,),
                    "minutes": "联审会议：农业农村局同意；自然资源局缺席，会后补意见（样例）。",
                },
                days={"on": 0},
            ),
            _opinion(_P.AFTER_BACKUP, LAND, "agrees_with_conditions", "符合规划，檐口高度不超过十米（样例）。"),
            _done(_P.AFTER_BACKUP, "t1", "review", "联审意见一致，符合条件（样例）。"),
            _grant(_P.AFTER_BACKUP, "t1"),
            *_home(_P.AFTER_BACKUP, "t1", "v1"),
        ),
    ),
    _story(
        18,
        "批量名单：断线时登记 30 人，重复提交不重复，镇里核准 29 人",
        "a list of 30 persons, filed while the line is down and sent twice; the township grants 29 of them",
        "YB01",
        (
            *_up(_P.LINES_DOWN, "v4", "t2"),
            _accept(_P.VILLAGES_BACK, "t2"),
            _except(_grant(_P.AFTER_BACKUP, "t2"), "7 已在户籍地参保（样例）"),
            _done(_P.AFTER_BACKUP, "t2", "production", "已批量缴费（样例）。"),
            *_home(_P.RESTORED, "t2", "v4"),
        ),
        rows=_people(30),
        twice=True,
    ),
    _story(
        19,
        "县医保局窗口专家评审，期间中止计时，评审后恢复",
        "the clock stands still while experts assess, and runs again afterwards",
        "YB03",
        (
            *_up(_P.LINES_DOWN, "v3", "t2"),
            _accept(_P.VILLAGES_BACK, "t2"),
            _done(_P.VILLAGES_BACK, "t2", "review", "初审材料齐全（样例）。"),
            _offer(_P.VILLAGES_BACK, "t2", INSURANCE),
            _accept(_P.AFTER_BACKUP, "hub", INSURANCE),
            Step(
                _P.AFTER_BACKUP,
                "hub",
                "case.suspended",
                {"cause": "expert_review", "document": "样例中止〔2026〕1号", "note": "专家评审不计入时限（样例）。"},
                INSURANCE,
                days={"expected_until": 10},
            ),
            Step(_P.SILENT_TOWNSHIP, "hub", "case.resumed", {"result": "专家评审通过（样例）。"}, INSURANCE),
            _done(_P.SILENT_TOWNSHIP, "hub", "review", "符合病种认定标准（样例）。", INSURANCE),
            _grant(_P.SILENT_TOWNSHIP, "hub", INSURANCE),
            *_home(_P.SILENT_TOWNSHIP, "hub", "v3", INSURANCE),
        ),
    ),
    _story(
        20,
        "镇里不予受理，书面说明理由和救济途径",
        "not accepted by the township, in writing: reason, basis and how to object",
        "SC02",
        (
            *_up(_P.LINES_DOWN, "v4", "t2"),
            Step(
                _P.VILLAGES_BACK,
                "t2",
                "acceptance.refused",
                {
                    "reason": "经营场所不在本县（样例）。",
                    "basis": "行政许可法第三十二条",
                    "remedy": "可在六十日内申请行政复议，或在六个月内提起行政诉讼（样例）。",
                },
            ),
            Step(_P.ALL_BACK, "v4", "case.closed", {"note": "不予受理通知书已交申请人（样例）"}),
        ),
    ),
    _story(
        21,
        "县林业局委托云峰镇核发，决定写明委托机关",
        "decided by the township in the name of the county bureau that entrusted it",
        GRANT.items[0],
        (
            *_up(_P.LINES_DOWN, "v3", "t2"),
            _accept(_P.VILLAGES_BACK, "t2"),
            _survey(_P.VILLAGES_BACK, "t2", "伐区四至、树种与申请一致（样例）。"),
            _done(_P.VILLAGES_BACK, "t2", "publicity", "公示七日，无异议（样例）。"),
            _entrusted(_grant(_P.AFTER_BACKUP, "t2")),
            *_home(_P.AFTER_BACKUP, "t2", "v3"),
        ),
    ),
    _story(
        22,
        "绿色通道：急难救助优先办理，镇领导批准",
        "on the green channel for an emergency, by leave of a leader",
        "MZ03",
        (
            *_up(_P.LINES_DOWN, "v1", "t1"),
            _accept(_P.VILLAGES_BACK, "t1"),
            Step(
                _P.VILLAGES_BACK,
                "t1",
                "case.expedited",
                {"basis": "火灾致困，急难型临时救助（样例）。", "approver": f"{_code('t1')}/leader"},
            ),
            _done(_P.VILLAGES_BACK, "t1", "survey", "入户调查属实（样例）。"),
            _done(_P.VILLAGES_BACK, "t1", "publicity", "急难先行救助，事后公示（样例）。"),
            _grant(_P.VILLAGES_BACK, "t1"),
            *_home(_P.VILLAGES_BACK, "t1", "v1"),
        ),
    ),
    _story(
        23,
        "办结后发现证明有误，经批准重新办理",
        "closed, found to be wrong, and taken up again by leave of a leader",
        "WJ02",
        (
            *_up(_P.WORKDAY, "v2", "t1"),
            _accept(_P.WORKDAY, "t1"),
            _grant(_P.WORKDAY, "t1"),
            *_home(_P.WORKDAY, "t1", "v2"),
            Step(
                _P.ALL_BACK,
                "t1",
                "case.reopened",
                {"reason": "证明上的姓名有误，重新开具（样例）。", "approver": f"{_code('t1')}/leader"},
            ),
            _grant(_P.ALL_BACK, "t1"),
            Step(_P.ALL_BACK, "t1", "result.handed_over", {"recipient": "申请人本人（样例）", "how": "courier"}),
            Step(_P.ALL_BACK, "t1", "case.closed"),
        ),
    ),
)

OPEN_STORIES: Final = (
    _story(24, "已收件，待移交", "filed, to be offered", "WJ05", (_file(_P.LEFT_OPEN, "v1"),), ends_in="filed"),
    _story(
        25, "已移交，待镇里接收", "offered, to be accepted", "RS05", _up(_P.LEFT_OPEN, "v2", "t1"), ends_in="offered"
    ),
    _story(
        26,
        "已告知补正，待补材料",
        "papers are awaited",
        "WJ05",
        (
            *_up(_P.LEFT_OPEN, "v1", "t1"),
            Step(_P.LEFT_OPEN, "t1", "papers.requested", {**_MISSING}),
        ),
        ends_in="correcting",
    ),
    _story(
        27,
        "已决定，待村里接收送达",
        "decided, to be accepted and handed over in the village",
        "RS03",
        (
            *_up(_P.LEFT_OPEN, "v3", "t2"),
            _accept(_P.LEFT_OPEN, "t2"),
            _grant(_P.LEFT_OPEN, "t2"),
            _offer(_P.LEFT_OPEN, "t2", _code("v3")),
        ),
        ends_in="returning",
    ),
    _story(
        28,
        "已上报，待县窗口接收",
        "passed on, to be accepted at the county's window",
        "RS06",
        (*_up(_P.LEFT_OPEN, "v4", "t2"), _accept(_P.LEFT_OPEN, "t2"), _offer(_P.LEFT_OPEN, "t2", WINDOW)),
        ends_in="referred",
    ),
)
"""Cases for a person to try; they are filed after the verdict and have no part in it."""
