"""Instagram: the Graph API and, in time, the exports that staff can make. Delivers the `social_*` tables."""
