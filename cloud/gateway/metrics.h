// What Prometheus reads at /metrics.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

namespace titan::cloud {

class Metrics {
 public:
  Metrics();
  std::string text() const;

 private:
  // Before the counters: they live in it.
  std::shared_ptr<prometheus::Registry> registry_;

 public:
  prometheus::Counter& batches;
  prometheus::Counter& entries;
  prometheus::Counter& entries_refused;
  prometheus::Counter& entries_quarantined;
  prometheus::Counter& batches_deferred;
  prometheus::Counter& handshakes_accepted;
  prometheus::Counter& handshakes_refused;
  prometheus::Counter& fenced;
  prometheus::Counter& watermarks;
  prometheus::Counter& watermark_slices;
  prometheus::Counter& feed_entries;
  prometheus::Counter& rest_requests;
  prometheus::Counter& connections_turned_away;
  prometheus::Gauge& uplinks;
  prometheus::Gauge& projector_queue;
  prometheus::Gauge& database_up;
};

}  // namespace titan::cloud
