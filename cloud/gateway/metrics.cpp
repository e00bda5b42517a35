#include "cloud/gateway/metrics.h"

#include <prometheus/text_serializer.h>

#include "base/host/metric_families.h"

namespace titan::cloud {

using metric::counter;
using metric::gauge;

Metrics::Metrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      batches(counter(*registry_, "titan_cloud_batches_total", "Batches received")),
      entries(counter(*registry_, "titan_cloud_entries_total", "Entries made durable")),
      entries_refused(counter(*registry_, "titan_cloud_entries_refused_total",
                              "Entries refused: unreadable, wrong signature or another store's")),
      entries_quarantined(counter(*registry_, "titan_cloud_entries_quarantined_total",
                                  "Entries held whose body could not be projected")),
      batches_deferred(counter(*registry_, "titan_cloud_batches_deferred_total",
                               "Batches the store was asked to send again later")),
      handshakes_accepted(
          counter(*registry_, "titan_cloud_handshakes_accepted_total", "Uplinks accepted")),
      handshakes_refused(
          counter(*registry_, "titan_cloud_handshakes_refused_total", "Uplinks refused")),
      fenced(counter(*registry_, "titan_cloud_uplinks_fenced_total",
                     "Uplinks closed because the store has a newer leader")),
      watermarks(counter(*registry_, "titan_cloud_watermarks_total", "Watermarks sent")),
      watermark_slices(counter(*registry_, "titan_cloud_watermark_slices_total",
                               "Answers to stores that asked what the cloud holds")),
      feed_entries(counter(*registry_, "titan_cloud_feed_entries_total", "Feed entries sent")),
      rest_requests(counter(*registry_, "titan_cloud_rest_requests_total", "REST requests")),
      connections_turned_away(counter(*registry_, "titan_cloud_connections_turned_away_total",
                                      "Connections for which there was no room")),
      uplinks(gauge(*registry_, "titan_cloud_uplinks", "Stores connected")),
      projector_queue(
          gauge(*registry_, "titan_cloud_projector_queue", "Records waiting for the projector")),
      database_up(gauge(*registry_, "titan_cloud_database_up", "1: the database answers")) {}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace titan::cloud
