"""`python -m benchmarks`: all measurements, one after the other."""

from benchmarks import events_identity, inbox, ingest_doors, ingest_events, instagram_calls, latency, visits_truth

if __name__ == "__main__":
    latency.main()
    inbox.main()
    ingest_doors.main()
    ingest_events.main()
    instagram_calls.main()
    visits_truth.main(["--seeds", "6"])  # for twenty, which the targets are about: python -m benchmarks.visits_truth
    events_identity.main(["--seeds", "2"])  # a trial takes a minute; for twenty: python -m benchmarks.events_identity
