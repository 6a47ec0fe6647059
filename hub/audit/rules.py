"""The rules of the county's audit, as declarations: what each is called, rests on, leaves alone and says.

Codes and conditions are those of AUDIT 4.2; how they are judged stands in the `judgements_*` modules, the numbers in
`hub.audit.limits`. Titles and sentences are what an officer reads, so they state what was found and accuse nobody.
Rules on journals are declared beside their judgements (`hub.audit.integrity`). Next: `hub.audit.examining`.
"""

from typing import Final

from hub.audit.judgements_conduct import (
    clock_stopping,
    edits_after_close,
    fee_deviation,
    repeated_supplement,
    steps_skipped,
)
from hub.audit.judgements_decisions import outside_mandate, unexplained_refusal
from hub.audit.judgements_officers import (
    bulk_handling,
    instant_handling,
    off_hours,
    shared_account,
    undivided_duties,
)
from hub.audit.judgements_persons import (
    duplicate_resident,
    evidence_reuse,
    ghost_case,
    self_dealing,
    shared_phone,
)
from hub.audit.judgements_recording import under_recording
from hub.audit.judgements_time import false_time, late_referral, overdue, step_overdue
from hub.audit.rule import AuditRule, Need, RecordingRule, Severity

_LICENSING: Final = "行政许可法"
_SUPERVISION: Final = "行政审批电子监察办法"

RULES: Final = (
    AuditRule(
        code="I6",
        title=("时间不实", "False time"),
        ground="电子签名法第五条",
        severity=Severity.RED,
        guard=(
            "设备时钟误差在允许范围内的不计；相差超过一年的按设备故障，只作黄牌；网络中没有补录，补登由备注说明",
            (
                "a clock's ordinary drift is left alone; a claim more than a year off is a broken clock and never red;"
                " the network has no entry for typing in afterwards"
            ),
        ),
        sentence=(
            "「{kind}」所记时间{side}，相差 {minutes} 分钟",
            "the time stated for the {kind} is {side}, by {minutes} minutes",
        ),
        examine=false_time,
        limits=("clock_tolerance_minutes", "clock_broken_days"),
        is_starred=True,
    ),
    AuditRule(
        code="P1",
        title=("办理超期", "Overdue"),
        ground=f"{_LICENSING}第四十二、四十四条；{_SUPERVISION}",
        severity=Severity.RED,
        guard=(
            "按有利于单位的时点计算；在途时间不计；即办件网上传来或下班后收到的到次一工作日；节假日安排未公布或仅按不利时点超期的只作提示；已送达未销号属数据质量",
            (
                "judged on the edge that favours the office, without the days on the line; what is for on the spot and "
                "comes over the line, or after hours, has until the next working day; over days without an official "
                "notice, or on the other edge alone, it is a notice; handed over but not struck off is data quality"
            ),
        ),
        sentence=(
            "{clock}至 {due}，{state}（{days} 个工作日；存疑原因：{doubt}）",
            "{clock} to {due}: {state} ({days} days; doubt: {doubt})",
        ),
        examine=overdue,
        limits=("reminder_days", "close_days", "unproved_hours", "office_closes_minute"),
        is_starred=True,
        feeds=frozenset({"timestamps", "due"}),
    ),
    AuditRule(
        code="P2",
        title=("环节超期", "Step overdue"),
        ground=f"{_LICENSING}第三十二、四十四条；{_SUPERVISION}",
        severity=Severity.YELLOW,
        guard=(
            "等待申请人、在途和法定中止的时间不计；各环节对承诺时限的均分只是进度标记，不判；整体已超期的只作一次认定",
            (
                "waiting for the applicant, the line and lawful pauses do not count; the steps' equal shares of the "
                "promise are marks on the way and not judged; where the whole is overdue it is told once"
            ),
        ),
        sentence=("{clock}至 {due}，超出 {days} 个工作日", "{clock} to {due}: {days} working days over"),
        examine=step_overdue,
        limits=("unproved_hours",),
        is_starred=True,
        feeds=frozenset({"timestamps", "due"}),
    ),
    AuditRule(
        code="P3",
        title=("初审上报迟延", "Late referral"),
        ground=f"{_LICENSING}第三十五、四十三条",
        severity=Severity.RED,
        guard=(
            "线路中断时间不计；超过法定初审时限一倍以内的为黄牌",
            "days on the line do not count; up to twice the term of the first review it is yellow",
        ),
        sentence=(
            "初审应于 {due} 前上报（{term} 个工作日），超出 {days} 个工作日",
            "the first review was to go up by {due} ({term} working days): {days} over",
        ),
        examine=late_referral,
        limits=("unproved_hours",),
        feeds=frozenset({"timestamps", "due"}),
    ),
    AuditRule(
        code="P4",
        version=2,
        title=("环节缺失或倒置", "Step skipped or out of order"),
        ground=f"{_LICENSING}第三十四、三十八条；行政许可案卷评查标准",
        severity=Severity.RED,
        guard=(
            "按受理时的事项版本和编号次序判断，不看所记时间；经批准的绿色通道可以省略法律未规定的环节；即办件不要求审查登记；乡镇初审写在上报说明里也算",
            (
                "judged by the item as in force at acceptance and by numbers, never by time; a fast track that was "
                "approved may leave out what the law does not want; an on-the-spot case needs no review on record; a "
                "township's first review may stand in the note with which it sends the case up"
            ),
        ),
        sentence=("「{act}」前的环节「{step}」：{state}", "before the {act}: {step} is {state}"),
        examine=steps_skipped,
        is_starred=True,
        feeds=frozenset({"activities", "item"}),
    ),
    AuditRule(
        code="P5",
        title=("秒办", "Instant handling"),
        ground=f"{_SUPERVISION}；{_LICENSING}第三十四条",
        severity=Severity.RED,
        guard=(
            "即办件不判；一分钟内两条记录属于正常习惯；同一人一周内达到次数的才为红牌",
            (
                "on-the-spot items are left alone, and two entries in a minute are a habit; red only from so many in "
                "an officer's week"
            ),
        ),
        sentence=(
            "承诺件受理到办结仅 {seconds} 秒；该经办人一周内 {cases} 件",
            "accepted and ended within {seconds} seconds; {cases} such cases in the officer's week",
        ),
        examine=instant_handling,
        limits=("instant_seconds_max", "instant_kinds_min", "instant_cases_red", "instant_week_days"),
        needs=frozenset({Need.OFFICER}),
        is_starred=True,
        feeds=frozenset({"timestamps", "activities"}),
    ),
    AuditRule(
        code="P6",
        version=2,
        title=("否定答复不完整", "Unexplained refusal"),
        ground=f"{_LICENSING}第三十二、三十八条",
        severity=Severity.RED,
        guard=(
            "退回移交不属否定答复；理由只看有无、长短和一年内是否千篇一律，不判断内容；网络中没有理由代码",
            (
                "giving an offer back is no refusal; of a reason only presence, length and sameness over a year are "
                "looked at, never what it says; the network has no coded reasons"
            ),
        ),
        sentence=(
            "{state}：缺少{lacks}（理由 {characters} 字，同一理由 {cases} 件）",
            "{state}: lacks {lacks} (the reason has {characters} characters; {cases} cases with the same words)",
        ),
        examine=unexplained_refusal,
        limits=("reason_characters_min", "boilerplate_cases_min", "boilerplate_share_min"),
        needs=frozenset({Need.REFUSALS}),
        is_starred=True,
    ),
    AuditRule(
        code="P7",
        version=2,
        title=("多次或迟延告知补正", "Repeated or late notice of gaps"),
        ground=f"{_LICENSING}第三十二条",
        severity=Severity.RED,
        guard=(
            "此前有新补交的材料或现场勘察、并写明原因的再次告知只作提示；五日自单位收到之日起算；受理后因补交材料、勘察而要求补充的，或催交容缺承诺材料的不判，其余受理后的迟延为黄牌",
            (
                "a further notice that says why, after papers were brought or the site was surveyed, is a notice only; "
                "the five days run from the office's receipt; after acceptance it is yellow, and left alone where "
                "papers brought or a survey came before it, or where it asks for what was promised at the acceptance"
            ),
        ),
        sentence=(
            "{state}：共告知 {notices} 次，首次在收到后第 {days} 个工作日",
            "{state}: {notices} notices, {days} working days after the receipt",
        ),
        examine=repeated_supplement,
        limits=("requests_max", "request_days_max"),
        feeds=frozenset({"activities", "timestamps"}),
    ),
    AuditRule(
        code="P8",
        title=("收费不符", "Fee deviation"),
        ground=f"{_LICENSING}第五十八、五十九条",
        severity=Severity.RED,
        guard=(
            "标准未公布的不判；分期的在送达时合计；登记缴费为零视为减免；网络中没有退费记录",
            (
                "not judged where the tariff is not stated; instalments are added up at the handing over; a payment of"
                " nothing records an exemption; the network has no refunds"
            ),
        ),
        sentence=(
            "{state}：实收 {paid_fen} 分，标准 {tariff_fen} 分",
            "{state}: paid {paid_fen} fen, tariff {tariff_fen} fen",
        ),
        examine=fee_deviation,
        is_starred=True,
        feeds=frozenset({"cost", "item"}),
    ),
    AuditRule(
        code="P9",
        version=2,
        title=("停表", "Clock-stopping"),
        ground=f"{_LICENSING}第四十二、四十五条",
        severity=Severity.RED,
        guard=(
            "听证、专家评审和目录规定的特别程序不判时点和长短；没有文书的一律为红牌；撤回时是否逾期按该件自己的时限认定",
            (
                "hearings, expert reviews and special procedures of the catalogue are not judged by day or length; "
                "without a paper it is red whatever the cause; whether a withdrawn case was late is told by its own "
                "term, with its pauses, its days on the line and its conversion"
            ),
        ),
        sentence=("{state}（{days} 日）", "{state} ({days} days)"),
        examine=clock_stopping,
        limits=("pause_left_days", "pause_days_max", "refile_days_max"),
        needs=frozenset({Need.PERSON}),
        is_starred=True,
        feeds=frozenset({"timestamps", "lifecycle"}),
    ),
    AuditRule(
        code="P11",
        title=("批量办理", "Bulk handling"),
        ground=_SUPERVISION,
        severity=Severity.RED,
        guard=(
            "县里列明可以批量办理的事项、名单件以及移交、归档、盖章、销号不判；村里成批领取结果不判",
            (
                "items that the county lists as group services, lists of persons, offers, seals, archiving and "
                "closings are left alone, and a village that picks up a heap of results"
            ),
        ),
        sentence=(
            "同一人在 {seconds} 秒内对 {cases} 件同类事项登记「{kind}」",
            "one officer wrote the {kind} of {cases} cases of one item within {seconds} seconds",
        ),
        examine=bulk_handling,
        limits=("bulk_cases_min", "bulk_seconds", "clock_tolerance_minutes", "clock_broken_days", "unproved_hours"),
        needs=frozenset({Need.OFFICER}),
        is_starred=True,
        feeds=frozenset({"timestamps", "resource"}),
    ),
    AuditRule(
        code="P12",
        title=("非工作时间办理", "Off-hours"),
        ground=_SUPERVISION,
        severity=Severity.YELLOW,
        guard=(
            "预约件、绿色通道、单位公布的逢场日和值班日、村级不判；偶尔加班不判",
            (
                "appointments, the green channel, an office's published market and duty days and villages are left "
                "alone, and an evening now and then"
            ),
        ),
        sentence=(
            "{month} 有 {deeds} 条办理记录在非工作时间，占 {percent}%",
            "{month}: {deeds} decisive entries outside office hours, {percent} % of all",
        ),
        examine=off_hours,
        limits=("offhours_deeds_min", "offhours_share_min", "office_opens_minute", "office_closes_minute"),
        needs=frozenset({Need.OFFICER}),
        is_starred=True,
        feeds=frozenset({"timestamps", "resource"}),
    ),
    AuditRule(
        code="P13",
        title=("不相容岗位未分离", "Separation of duties"),
        ground=f"{_LICENSING}第三十四条；行政事业单位内部控制规范第十二条",
        severity=Severity.RED,
        guard=(
            "只判事项列明的不相容岗位，以及记录本身要求两人的（勘察、复核、批准）；一人审查又决定本身不判",
            (
                "only pairs that the item declares, and what an entry itself wants two persons for (survey, second "
                "officer, approval); one person who checks and decides is no fault"
            ),
        ),
        sentence=("未分离：{pair}", "not divided: {pair}"),
        examine=undivided_duties,
        is_starred=True,
        feeds=frozenset({"resource"}),
    ),
    AuditRule(
        code="P14",
        title=("自办自批", "Self-dealing"),
        ground="公务员法第七十六条",
        severity=Severity.RED,
        guard=(
            "仅同名的为黄牌；人人都办的公共服务降一级；网络中没有家庭关系、银行账户，也没有回避记录",
            (
                "the same name alone is yellow; of a service that everybody gets it weighs one less; the network knows"
                " no household, no bank account and no recusal"
            ),
        ),
        sentence=("经办「{kind}」的人员与申请人：{tie}", "whoever wrote the {kind} has {tie} as the applicant"),
        examine=self_dealing,
        is_starred=True,
    ),
    AuditRule(
        code="P15",
        version=2,
        title=("超越权限", "Outside the mandate"),
        ground=f"{_LICENSING}第二十二、二十四条；行政许可案卷评查标准",
        severity=Severity.RED,
        guard=(
            "授权在决定可能发生的任何一天有效即不认定；所记日期与可证时间不符的，按可证时间认定；授权变更后五日内不判；目录没有金额上限，不判金额",
            (
                "a grant on any day on which the decision can have been made leaves it in doubt, a claimed day outside "
                "what is proved being none of them; some days after a change are left alone; the catalogue states no "
                "cap, so no amount is judged"
            ),
        ),
        sentence=("{day} 的决定：{state}", "the decision of {day}: {state}"),
        examine=outside_mandate,
        limits=("regrant_days",),
        is_starred=True,
    ),
    AuditRule(
        code="P16",
        title=("重复申请", "Duplicate resident"),
        ground="社会救助暂行办法第六十八条；财政补贴资金管理规定",
        severity=Severity.RED,
        guard=(
            "被拒、撤回后再申请的，性质上可多次办理的事项，收件时已提示并记录的，名单件，均不判；双胞胎不同名",
            (
                "left alone: a new try after a refusal or a withdrawal, matters that recur by nature, what was shown "
                "and recorded at the filing, and lists; twins have different names"
            ),
        ),
        sentence=(
            "{by}在期限内有 {cases} 件同一事项，相隔 {days} 日",
            "{by}: {cases} cases of one item within the period, {days} days apart",
        ),
        examine=duplicate_resident,
        limits=("duplicate_days",),
        needs=frozenset({Need.PERSON}),
        is_starred=True,
    ),
    AuditRule(
        code="P17",
        title=("多人共用电话", "Shared telephone"),
        ground="财政补贴资金管理规定",
        severity=Severity.YELLOW,
        guard=(
            "家庭、监护和村集体电话常见；网络中没有银行账户和家庭关系，只能按人数判断",
            (
                "families, guardians and a village's own telephone are common; the network has neither bank accounts "
                "nor households, so persons are counted"
            ),
        ),
        sentence=(
            "同一电话有 {persons} 名申请人，涉及 {villages} 个收件点",
            "{persons} applicants with one telephone, filed at {villages} places",
        ),
        examine=shared_phone,
        limits=("phone_persons_min",),
        needs=frozenset({Need.PHONE}),
    ),
    AuditRule(
        code="P18",
        title=("疑似虚假件", "Ghost case"),
        ground="社会救助暂行办法第六十八条；财政补贴资金管理规定",
        severity=Severity.RED,
        guard=(
            "单一特征常见，三项以上才计；不涉及资金的、既不仓促也不共用电话的只作提示；死亡、迁出数据不在网络中",
            (
                "single traits are common, three count; without money, or with neither haste nor a shared telephone, "
                "it is a notice; the network knows neither deaths nor removals"
            ),
        ),
        sentence=("{count} 项特征：{traits}", "{count} traits: {traits}"),
        examine=ghost_case,
        limits=("ghost_traits_min", "ghost_life_minutes"),
        needs=frozenset({Need.PERSON, Need.PHONE}),
    ),
    AuditRule(
        code="P20",
        title=("材料重复使用", "Evidence reuse"),
        ground=f"{_LICENSING}第三十一、三十四条",
        severity=Severity.RED,
        guard=(
            "同一申请人、同名同生日同村的不判；同一附件涉及人数多的视为空白表样，只作提示；网络中没有家庭关系",
            (
                "the applicant's own other case is left alone; a paper in very many persons' cases is a blank form and"
                " a notice only; the network knows no household"
            ),
        ),
        sentence=("{paper}用于 {persons} 名申请人", "{paper} shown for {persons} applicants"),
        examine=evidence_reuse,
        limits=("form_persons_min",),
        needs=frozenset({Need.PAPER}),
        is_starred=True,
    ),
    AuditRule(
        code="P21",
        title=("办结后改动", "Edit after the end"),
        ground="行政许可案卷评查标准",
        severity=Severity.RED,
        guard=(
            "归档、公示和备注属于正常收尾；经批准重新办理后的记录不判",
            "archiving, publication and remarks belong to the end; what follows a reopening by leave is left alone",
        ),
        sentence=("销号后又有「{kind}」", "after the file was struck off: {kind}"),
        examine=edits_after_close,
        feeds=frozenset({"activities"}),
    ),
    AuditRule(
        code="P24",
        version=2,
        title=("账号共用", "Shared account"),
        ground="网络安全等级保护基本要求（GB/T 22239）身份鉴别",
        severity=Severity.YELLOW,
        guard=(
            "换用新设备后旧设备不再有记录的不判；两台设备的时钟可能有误差",
            (
                "a handover is left alone: the old device's last entry comes before the new one's first; two devices' "
                "clocks may differ"
            ),
        ),
        sentence=(
            "同一账号 {seconds} 秒内在两台设备上操作",
            "one account at two devices within {seconds} seconds",
        ),
        examine=shared_account,
        limits=("shared_account_seconds", "clock_tolerance_minutes"),
        needs=frozenset({Need.OFFICER}),
        feeds=frozenset({"timestamps", "resource", "place"}),
    ),
)
"""Each looks at one case. P10, P22 and P23 are statistics over many and are not built."""

RECORDING_RULES: Final = (
    RecordingRule(
        code="P19",
        title=("应录未录", "Under-recording"),
        ground=_SUPERVISION,
        severity=Severity.YELLOW,
        guard=(
            "与本村中位数和同乡镇其他村同时比较，排除淡季；事项暂停、线路未通的不判；凭条无件见 I5",
            (
                "beside its own median and its neighbours', so that a season is none; not while the item is suspended "
                "or the village's line is silent; a slip without a case is I5"
            ),
        ),
        sentence=(
            "事项 {item} 近 30 日 {cases} 件，平常 {usual} 件，邻村为平常的 {peers_percent}%",
            "item {item}: {cases} cases in 30 days, usually {usual}; neighbours are at {peers_percent} % of theirs",
        ),
        examine=under_recording,
        limits=(
            "recording_share_max",
            "recording_peers_min",
            "recording_median_min",
            "recording_silence_days",
        ),
    ),
)

BY_CODE: Final = {rule.code: rule for rule in (*RULES, *RECORDING_RULES)}
