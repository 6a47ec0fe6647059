"""The nine steps through which a case may go (九环节), in the order in which they are usually taken.

Which of them an item has, and what it calls them, is the catalogue's (`schemas.catalogue.planned_steps`); who took a
step and when is in the case. Never says which step allows which act: that is `schemas.casework.lifecycle`.
"""

from enum import StrEnum


class Step(StrEnum):
    """One of the nine."""

    ACCEPTANCE = "acceptance"
    """受理"""
    SURVEY = "survey"
    """现场勘察"""
    REVIEW = "review"
    """审查"""
    DECISION = "decision"
    """审批"""
    PRODUCTION = "production"
    """制证"""
    SEALING = "sealing"
    """盖章"""
    ISSUE = "issue"
    """发证"""
    PUBLICITY = "publicity"
    """公示"""
    ARCHIVE = "archive"
    """归档"""
