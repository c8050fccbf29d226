"""`python -m benchmarks`: all measurements, one after the other."""

from benchmarks import events_identity, inbox, ingest_doors, ingest_events, instagram_calls, latency

if __name__ == "__main__":
    latency.main()
    inbox.main()
    ingest_doors.main()
    ingest_events.main()
    instagram_calls.main()
    events_identity.main(["--seeds", "2"])  # a trial takes a minute; for twenty: python -m benchmarks.events_identity
