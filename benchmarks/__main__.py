"""`python -m benchmarks`: all measurements, one after the other."""

from benchmarks import inbox, ingest_doors, ingest_events, instagram_calls, latency

if __name__ == "__main__":
    latency.main()
    inbox.main()
    ingest_doors.main()
    ingest_events.main()
    instagram_calls.main()
