"""One library system described as data: the models of the files in `config/`, and how they are read.

What belongs here: shapes, checks that need only the description itself, and the tables that dbt reads it as.
What does not: secrets (named by environment variable, resolved where they are used) and rules of arithmetic.

Files: `library.yaml` (areas, branches, doors, opening hours, accounts, event rules), `sources.yaml` (feeds),
`partners.yaml` (registry and baseline list, optional), `figures.yaml` (definitions), `event_decisions.yaml` (answers of
staff, optional, written by `answers`). Import from this package; its
modules are a division of the work: `shared`, then `places`, `doors`, `events`, `instagram` and `alerts`, which
`library` puts together; `sources`, `partners`, `figures`; `configuration` of them all; `loading`.
"""

from ingest.config.alerts import Alerts, QuietHours
from ingest.config.configuration import Configuration
from ingest.config.doors import Calibration, CountDecision, Estimation, Line, StructuralBreak
from ingest.config.events import AudienceRule, Claim, EventDecision, EventIdentity, EventRule, EventWords
from ingest.config.figures import Figure
from ingest.config.instagram import Account, CaptionReference, Hashtag, PostDecision, PostRule
from ingest.config.library import Closing, Library, Reporting
from ingest.config.loading import DECISIONS_FILE, config_folder, expand, load
from ingest.config.partners import Baseline, Parent, Partner, Partners, Renaming
from ingest.config.places import Area, Branch, DayCut, Inhabitants, Membership, OpeningException, OpeningHours
from ingest.config.shared import ClockTime, EnvironmentName, Identifier, clock_minute, minutes_open
from ingest.config.sources import Push, Source
from ingest.zones import start_of

__all__ = [
    "DECISIONS_FILE",
    "Account",
    "Alerts",
    "Area",
    "AudienceRule",
    "Baseline",
    "Branch",
    "Calibration",
    "CaptionReference",
    "Claim",
    "ClockTime",
    "Closing",
    "Configuration",
    "CountDecision",
    "DayCut",
    "EnvironmentName",
    "Estimation",
    "EventDecision",
    "EventIdentity",
    "EventRule",
    "EventWords",
    "Figure",
    "Hashtag",
    "Identifier",
    "Inhabitants",
    "Library",
    "Line",
    "Membership",
    "OpeningException",
    "OpeningHours",
    "Parent",
    "Partner",
    "Partners",
    "PostDecision",
    "PostRule",
    "Push",
    "QuietHours",
    "Renaming",
    "Reporting",
    "Source",
    "StructuralBreak",
    "clock_minute",
    "config_folder",
    "expand",
    "load",
    "minutes_open",
    "start_of",
]
