"""Why an act is refused at the pen: every code with the sentence that an officer reads, in Chinese and English.

A sentence says what to do next. `{}` stands for what the check found: names of the catalogue, numbers or days, never a
person. Next: `schemas.casework.lifecycle`, `schemas.casework.contents` and `schemas.casework.regimes`, which use them.
"""

from typing import Final

from schemas.refusals import Refused

REASONS: Final[dict[str, tuple[str, str]]] = {
    # --- who may act, and when (lifecycle)
    "unknown_act": (
        "系统没有这种办理步骤；请刷新页面后重试。",
        "There is no such act; reload the page and try again.",
    ),
    "no_such_case": ("本机没有这个件；请核对编号。", "This case is not here; check the number."),
    "number_mistyped": (
        "编号的末位校验字符不符，没有这样的编号；请对照凭条逐位核对。",
        "The last character of this number does not fit: no slip bears it. Compare it with the slip, digit by digit.",
    ),
    "case_erased": (
        "本件保管期限已满，内容已依法删除，不能再办理；居民有新的诉求请另行收件。",
        "What this case held was erased by law, and nothing can be done with it any more; file a new case instead.",
    ),
    "case_purged": (
        "本件已办结，内容按规定不再留在本机；需要办理或查看时请联系乡镇中心。",
        "This closed case is no longer kept on this computer; ask the township, which has it, to act or to show it.",
    ),
    "already_filed": ("该件已经登记；请打开已有的件。", "The case is already filed; open the existing one."),
    "filing_awaited": (
        "收件登记还没有传到本机，暂不能办理；请等待线路同步。",
        "The filing has not arrived here yet; wait for the line to catch up.",
    ),
    "stage_forbids": (
        "本件当前状态不允许此操作；请查看本件可办理的步骤。",
        "The case's stage does not allow this; see the acts offered on its page.",
    ),
    "not_custodian": (
        "本件现由其他单位办理；需要时请添加备注或联系持件单位。",
        "Another office holds this case; add a remark or call that office.",
    ),
    "in_transit": (
        "本件正在移交途中，只有接收单位可以接收或不予接收；移交单位可以申请撤回。",
        "The case is in transit: only the offeree may accept or decline; the offerer may request a recall.",
    ),
    "county_only": (
        "改派只能由县中心办理；请联系县中心。",
        "Only the county may reassign a case; call the county centre.",
    ),
    "not_a_reader": (
        "本单位与本件无关，不能操作；请核对编号。",
        "Your office has no part in this case; check the number.",
    ),
    "not_responsible": (
        "重新办理只能由作出决定（或受理）的单位或县中心提出；请联系该单位。",
        "Only the office that decided or accepted the case, or the county, may reopen it; call that office.",
    ),
    "not_consulted": (
        "本单位未被征求意见；请联系持件单位。",
        "Your office was not asked for an opinion; call the office that holds the case.",
    ),
    "not_involved": (
        "本单位没有经办过本件，不能登记该环节；请由经办单位登记，或添加备注。",
        "Your office never handled this case; let an office that did record this, or add a remark.",
    ),
    "not_offerer": ("只有移交单位可以申请撤回。", "Only the office that made the offer may request a recall."),
    "role_forbids": (
        "您的岗位不能办理此步骤；请交有权限的同事办理。",
        "Your role does not allow this; ask a colleague whose role does.",
    ),
    "unknown_item": (
        "现行目录中没有本件的事项；请同步目录后重试，事项已经取消的，请终止办理并写明取消的文号。",
        "The catalogue in force has no such item; synchronise it and try again, or end the case if the item is gone.",
    ),
    "item_suspended": (
        "该事项已暂停办理，不再收新件，已收的件继续办完；请告知群众暂停的文号和期限。",
        "This item is suspended: no new cases, open ones go on. Tell the resident by which document and until when.",
    ),
    "not_accepted_here": (
        "该事项不能在本级受理；请按事项目录移交有权受理的单位。",
        "This item cannot be accepted at that tier; offer the case to an office that the catalogue names.",
    ),
    "not_delegable": (
        "该事项必须本人到场办理，村级不能代办；请告知群众到目录所列窗口。",
        "This item must be applied for in person; direct the resident to the counter named in the catalogue.",
    ),
    "not_competent": (
        "该事项不由本级决定，本单位也没有当日有效的授权或委托；请移交有权决定的单位。",
        "This office may not decide this item, by its tier or by a grant in force today; offer it to the one that may.",
    ),
    "other_department": (
        "该事项不属于本窗口的部门；请移交所属部门的窗口或综合窗口，确由本窗口办理的先在岗位分工中列明该事项。",
        "This item is another department's; offer it there, or first have a post of this window name the item.",
    ),
    "village_cannot_review": (
        "村级只代办，不受理、不审查、不决定；请移交上级单位办理。",
        "A village carries cases; it does not accept, review or decide. Offer the case to an office above.",
    ),
    "village_takes_no_fee": (
        "村级不收取任何费用；请申请人到收费窗口缴费，由该窗口登记。",
        "A village takes no money; send the applicant to the cashier, who records the payment.",
    ),
    "not_following": (
        "本件已有新的办理步骤；请刷新页面后重试。",
        "The case has moved on; reload the page and try again.",
    ),
    "no_extension": (
        "目录没有规定该事项的办理期限可以延长；请在法定时限内作出决定。",
        "The catalogue allows no extension of this item's term; decide within the legal term.",
    ),
    "extended_once": (
        "本件已经延长过一次，法定期限只能延长一次；请在延长后的期限内作出决定。",
        "The term was extended before, and the law allows it once; decide within the extended term.",
    ),
    "not_convertible": (
        "本件不能转为承诺件：只有法律未要求当场办结的即办件才能转；请尽快作出决定。",
        "Only an on-the-spot case whose legal term is longer can be converted; decide this one as soon as you can.",
    ),
    "converted_once": (
        "本件已由即办件转为承诺件，不能再次改期；请按已作的承诺办理。",
        "The case was converted before; keep to the promise that was given then.",
    ),
    # --- where it goes (contents)
    "offered_to_itself": (
        "不能移交给本单位；请选择其他单位。",
        "A case cannot be offered to the office that holds it; choose another.",
    ),
    "outside_county": (
        "只能选择本县的单位；请重新选择。",
        "Only an office of this county can be named; choose again.",
    ),
    "village_cannot_receive": (
        "未决定的件只能退回原收件的村，不能交其他村；请重新选择接收单位。",
        "An undecided case goes to no village but the one that filed it; choose another office.",
    ),
    "rehomed_there_already": (
        "本件的结果已定在该单位送达；请选择其他单位。",
        "The result is to be handed over there already; choose another office.",
    ),
    # --- what must be stated (contents)
    "reason_required": ("请填写理由。", "State the reason."),
    "text_required": ("请填写内容，不能留空。", "Fill in the text; it cannot be empty."),
    "materials_required": ("请至少写明一项材料。", "Name at least one material."),
    "materials_missing": (
        "缺少必要材料：{}；请一次性告知申请人补正，或先登记已收到的材料，再受理。",
        "Required materials are missing: {}; give one notice of all gaps, or record what was brought, then accept.",
    ),
    "promise_missing": (
        "可容缺的材料还没有承诺：{}；请登记申请人书面承诺的补交日期，或先登记已收到的材料。",
        "Not yet promised in writing: {}; record by when the applicant will bring it, or that it was brought.",
    ),
    "promise_not_allowed": (
        "承诺后补的材料有的不在该事项可容缺清单内；请收齐后再受理，或一次性告知申请人补正。",
        "The item does not let all of these come later; accept when they are here, or give notice of the gaps.",
    ),
    "promise_untimely": (
        "补交日期应在今天到 {} 之间，不得晚于承诺办结的日期；请与申请人重新约定。",
        "The materials must be promised for a day from today to {}, the promised end; agree on another day.",
    ),
    "promise_too_late": (
        "容缺承诺只能在受理时登记；请改用补正或补充材料通知。",
        "Materials can be promised at acceptance only; use a notice of missing papers instead.",
    ),
    "deemed_wrongly": (
        "视为受理的日期与收到日期和期限不符；请刷新页面后重试。",
        "Acceptance by silence does not fit the day of receipt and the term; reload the page and try again.",
    ),
    "accepted_by_silence": (
        "收到后五个工作日内没有答复，本件已于 {} 依法视为受理；请先受理，再通知补充材料、移交或作出决定。",
        "Nothing was answered for five working days: by law it counts as accepted on {}. Accept it, then go on.",
    ),
    "nonacceptance_incomplete": (
        "不予受理须写明理由、依据和救济途径；请补充完整。",
        "A non-acceptance needs its reason, legal basis and remedy; fill in all three.",
    ),
    "notice_incomplete": (
        "一次性告知须列明全部缺件，还缺：{}；请一并列入后再告知。",
        "One notice names everything that is missing; these are missing too: {}. Add them.",
    ),
    "second_notice_unjustified": (
        "本件已发过一次性告知；再次告知须说明首次未告知的原因，并计入本单位考核。",
        "One notice of all gaps was given; say why the first did not name these. A second counts against the office.",
    ),
    "pause_undocumented": (
        "停止计时须写明告知申请人的文书编号；请补充。",
        "A pause needs the number of the paper by which the applicant was told; add it.",
    ),
    "pause_ended": (
        "预计恢复日期已过；请填写今天或以后的日期。",
        "The expected end of the pause has passed; give today or a later day.",
    ),
    "extension_too_long": (
        "该事项的法定期限最多延长 {} 天；请按此重新填写。",
        "This item's legal term can be extended by at most {} days; fill in no more.",
    ),
    "extension_too_late": (
        "法定期限已于 {} 届满，届满后不能再延长；请尽快作出决定，并说明逾期原因。",
        "The legal term ended on {}, and one that has ended is not extended; decide now, and say why it is late.",
    ),
    "approver_required": ("请写明批准人。", "Name the leader who approved it."),
    "approver_is_author": (
        "批准人不能是经办人本人；请由有权批准的负责人批准。",
        "The officer who writes this cannot approve it; have a leader approve it.",
    ),
    "department_required": ("请至少选择一个部门。", "Choose at least one department."),
    "consulted_itself": (
        "不能向本单位征求意见；请选择其他部门。",
        "An office does not ask itself for an opinion; choose other departments.",
    ),
    "village_not_consulted": (
        "村级不出具部门意见；请选择部门窗口或乡镇。",
        "A village gives no department's opinion; choose a department's window or a township.",
    ),
    "opinion_term_too_short": (
        "该事项逾期未答复视为同意，应给部门至少一个工作日；请把答复期限改晚。",
        "Silence counts as agreement for this item, so a department has a working day at least; name a later day.",
    ),
    "day_has_passed": ("日期已过；请填写今天或以后的日期。", "That day has passed; give today or a later day."),
    "day_has_not_come": (
        "日期还没有到；请在事情办完以后登记。",
        "That day has not come yet; record it when it is done.",
    ),
    "refusal_incomplete": (
        "不予许可须写明理由、依据和救济途径；请补充完整。",
        "A refusal needs its reason, legal basis and remedy; fill in all three.",
    ),
    "promises_open": (
        "容缺材料还没有补齐：{}；补齐并登记收到以后才能准予，逾期不补的可以作出不予许可决定。",
        "Promised materials are outstanding: {}; grant when they were received, or refuse if they never come.",
    ),
    "opinions_outstanding": (
        "还有部门没有出具意见，暂不能准予；请催办，或另定答复期限重新征求意见，仍不答复的报县中心协调。",
        "Departments that were asked have not spoken: remind them, ask anew with a later day, or turn to the county.",
    ),
    "deemed_not_silent": (
        "视为同意的部门须与逾期未答复或缺席的部门完全一致（不予许可的可以不填）；请核对后重填。",
        "The departments deemed to agree must be exactly those late or absent (a refusal needs none); correct them.",
    ),
    "objection_unanswered": (
        "有部门不同意；须先召开联审会议并登记，再在决定理由中逐项答复不同意见，或请该部门重新出具意见。",
        "A department objects: record a joint meeting and answer the objection in the reason, or ask it again.",
    ),
    "grant_required": (
        "本单位依授权或委托决定该事项；请写明当日有效的授权或委托文号。",
        "This office decides this item by grant only; give the number of the grant in force today.",
    ),
    "grant_not_in_force": (
        "该文号没有授权本单位今天决定该事项；请核对文号和期限。",
        "No grant of that number lets this office decide this item today; check the number and its dates.",
    ),
    "organ_required": (
        "受委托决定须写明委托机关：{}；决定书以委托机关名义作出，并列明两个单位。",
        "An entrusted decision names the organ whose it is: {}; both names are shown on it.",
    ),
    "organ_not_entrusting": (
        "没有该机关的委托，不能以其名义决定；请删去委托机关，或写明委托文号。",
        "That organ has not entrusted this decision; leave its name out, or give the number of its entrustment.",
    ),
    "roster_incomplete": (
        "名单还没有全部传到本机；请等待线路同步后再决定。",
        "The rows of the list are not all here; wait for the line to catch up, then decide.",
    ),
    "roster_row_unknown": (
        "名单中没有这一行；请按名单行号填写不准予的人员。",
        "The list has no such row; name the persons who are not granted by their rows.",
    ),
    "notice_unstated": (
        "公告送达须写明无法直接送达的原因和公告的地点、日期；请在说明中填写。",
        "Of a result served by public notice say why nobody could take it, and where and when the notice was posted.",
    ),
    "termination_incomplete": (
        "终止办理须写明理由和依据；请补充完整。",
        "Ending a case without a decision needs its reason and legal basis; fill in both.",
    ),
    "survey_needs_two": (
        "现场勘察须有两名以上不同的工作人员，登记人应在其中；请补充勘察人员。",
        "A survey needs two different officers or more, the one who records it among them; name them all.",
    ),
    "survey_by_form": (
        "该事项的现场勘察须两人以上；请用“现场勘察”登记，不能只登记环节完成。",
        "This item's survey takes two officers; record it as a survey of the site, not as a step.",
    ),
    "second_officer_is_author": (
        "复核人不能是登记人本人；请填写另一名工作人员。",
        "The second officer cannot be the one who records the step; name another.",
    ),
    "fee_above_standard": (
        "收费超过目录标准，该事项共 {} 元；请按标准收取，多收的退还申请人。",
        "That is more than this item costs, {} yuan in all; charge no more, and return what was taken in excess.",
    ),
    "conversion_too_long": (
        "承诺时限不得超过法定时限，最多 {} 个工作日；请重新填写。",
        "The promise cannot be longer than the legal term, at most {} working days; fill in no more.",
    ),
    # --- what must be on record before (regimes)
    "not_converted": (
        "即办件当日没有办结；请先登记转为承诺件及其原因，再作决定。",
        "The on-the-spot case was not finished on its day; record its conversion and the reason, then decide.",
    ),
    "opinions_not_requested": (
        "联办件尚未征求有关部门意见；请先一次性抄送各部门征求意见，再作决定。",
        "No department of this joint case was consulted; copy it to all concerned at once, then decide.",
    ),
    "first_review_missing": (
        "上报件须先由乡镇初审；请登记审查环节，或在移交说明中写明初审意见，再上报。",
        "The township reviews what it reports upward; record the review, or state it in the note, then offer.",
    ),
    "survey_missing": (
        "该事项须现场勘察；请先登记现场勘察的人员、时间和结果，再作决定。",
        "This item needs a survey of the site; record who went, when and what was found, then decide.",
    ),
    "publicity_missing": (
        "该事项须公示后才能准予；请先登记公示环节及结果，依法不公示的在意见中写明“不公示”。",
        "This item is granted after a public notice; record that step and its result, or why there is none.",
    ),
    "production_missing": (
        "证件或批件还没有制作完成；请由作出决定的单位先登记制证环节，再交付结果。",
        "The licence or paper has not been made; the office that decided records it first, then hand it over.",
    ),
    "sealing_missing": (
        "证件或批件还没有盖章；请由作出决定的单位先登记盖章环节，再交付结果。",
        "The licence or paper has not been sealed; the office that decided records it first, then hand it over.",
    ),
    "fee_unpaid": (
        "该事项的费用还没有缴纳登记；请由收费窗口先登记缴费（减免的登记实收数），再交付结果。",
        "The fee is not recorded as paid; the cashier records it (or what was charged if reduced), then hand over.",
    ),
    "answer_incomplete": (
        "不予许可决定缺少理由、依据或救济途径，不能销号；请联系作出决定的单位补正。",
        "The refusal lacks its reason, basis or remedy, so the case cannot be closed; call the office that decided it.",
    ),
}
"""Code → (zh, en)."""


class NotPermitted(Refused):
    """The act is refused before it is written (DESIGN 1.5). `code` is a key of `REASONS`."""

    def __init__(self, code: str, *found: str) -> None:
        """`found`: what the sentence names, in place of its `{}`."""
        zh, en = REASONS[code]
        super().__init__(code, zh.format("、".join(found)), en.format(", ".join(found)))
