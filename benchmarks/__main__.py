"""`python -m benchmarks`: all measurements, one after the other."""

from benchmarks import inbox, ingest_doors, instagram_calls, latency

if __name__ == "__main__":
    latency.main()
    inbox.main()
    ingest_doors.main()
    instagram_calls.main()
