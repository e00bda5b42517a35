#include "election/heard_leader.h"

#include <algorithm>

namespace titan::election {

bool lists(const LeaderNews& news, const ProcessId& process) {
  return std::find(news.view.begin(), news.view.end(), process) != news.view.end();
}

HeardLeader::HeardLeader(MonoTime now, const LeaderNews& news) {
  adopt(now, news);
}

bool HeardLeader::take(MonoTime now, const LeaderNews& news) {
  if (news.token.process != token_.process) return false;
  if (news.token < token_) return false;
  if (news.beat <= beat_) return false;
  adopt(now, news);
  progressed_ = true;
  return true;
}

void HeardLeader::adopt(MonoTime now, const LeaderNews& news) {
  token_ = news.token;
  beat_ = news.beat;
  // A peer may send any number: an age below zero would be a beat from the future.
  const MonoTime beat_at = now - std::max(news.beat_age, Duration::zero());
  beat_at_ = std::max(beat_at_, beat_at);
  holds_cloud_lease_ = news.holds_cloud_lease;
  view_size_ = news.view_size;
  view_number_ = news.view_number;
  if (!news.view_is_whole) return;
  whole_view_ = news.view;
  std::sort(whole_view_.begin(), whole_view_.end());
  whole_view_number_ = news.view_number;
  whole_view_known_ = true;
}

LeaderNews HeardLeader::news_for(MonoTime now, const ProcessId& to) const {
  LeaderNews news;
  news.token = token_;
  news.beat = beat_;
  news.beat_age = now - beat_at_;
  news.holds_cloud_lease = holds_cloud_lease_;
  news.view_size = view_size_;
  news.view_number = view_number_;
  const bool can_vouch = whole_view_known_ && whole_view_number_ == view_number_;
  if (can_vouch && std::binary_search(whole_view_.begin(), whole_view_.end(), to)) {
    news.view.push_back(to);
  }
  return news;
}

}  // namespace titan::election
