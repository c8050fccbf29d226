"""`python -m benchmarks`: all measurements, one after the other."""

from benchmarks import inbox, instagram_calls, latency

if __name__ == "__main__":
    latency.main()
    inbox.main()
    instagram_calls.main()
