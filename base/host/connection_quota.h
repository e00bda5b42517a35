// How many connections may be open that have not proved themselves yet: for each source address,
// and in all. One source that opens as many as it can keeps itself out, nobody else.
//
// What proves a connection is its listener's matter: a key, a handshake, a whole request. Lives on
// one thread; places outlive neither their quota nor that thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace titan {

class ConnectionQuota {
 public:
  struct Limits {
    std::size_t per_source = 0;
    std::size_t in_all = 0;
  };

  // Held by an unproven connection; given back when it proves itself or ends.
  class Place {
   public:
    Place() = default;
    Place(std::shared_ptr<std::map<std::string, std::size_t>> taken, std::string source)
        : taken_(std::move(taken)), source_(std::move(source)) {}
    Place(Place&& other) noexcept
        : taken_(std::exchange(other.taken_, nullptr)), source_(std::move(other.source_)) {}
    Place& operator=(Place&& other) noexcept {
      give_back();
      taken_ = std::exchange(other.taken_, nullptr);
      source_ = std::move(other.source_);
      return *this;
    }
    ~Place() { give_back(); }

    bool is_held() const { return taken_ != nullptr; }
    void give_back() {
      if (!taken_) return;
      const auto found = taken_->find(source_);
      if (--found->second == 0) taken_->erase(found);
      taken_.reset();
    }

   private:
    std::shared_ptr<std::map<std::string, std::size_t>> taken_;
    std::string source_;
  };

  explicit ConnectionQuota(Limits limits) : limits_(limits) {}

  // Nothing: there is no room.
  std::optional<Place> take(const std::string& source) {
    std::size_t all = 0;
    for (const auto& [other, count] : *taken_) all += count;
    if (all >= limits_.in_all) return std::nullopt;
    const auto found = taken_->find(source);
    if (found != taken_->end() && found->second >= limits_.per_source) return std::nullopt;
    ++(*taken_)[source];
    return Place(taken_, source);
  }
  std::size_t taken(const std::string& source) const {
    const auto found = taken_->find(source);
    return found == taken_->end() ? 0 : found->second;
  }

 private:
  const Limits limits_;
  std::shared_ptr<std::map<std::string, std::size_t>> taken_ =
      std::make_shared<std::map<std::string, std::size_t>>();
};

// Bytes that may be held for all of one kind together, bodies of requests for instance.
class ByteBudget {
 public:
  class Share {
   public:
    Share() = default;
    explicit Share(std::shared_ptr<std::size_t> used) : used_(std::move(used)) {}
    Share(Share&& other) noexcept
        : used_(std::move(other.used_)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      give_back();
      used_ = std::move(other.used_);
      bytes_ = std::exchange(other.bytes_, 0);
      return *this;
    }
    ~Share() { give_back(); }
    void give_back() {
      if (used_) *used_ -= std::exchange(bytes_, 0);
    }

   private:
    friend class ByteBudget;
    std::shared_ptr<std::size_t> used_;
    std::size_t bytes_ = 0;
  };

  explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  Share open() const { return Share(used_); }
  // False: there is no room, and nothing was taken.
  bool add(Share& share, std::size_t bytes) const {
    if (bytes > bytes_max_ || *used_ > bytes_max_ - bytes) return false;
    *used_ += bytes;
    share.bytes_ += bytes;
    return true;
  }
  std::size_t used() const { return *used_; }

 private:
  const std::size_t bytes_max_;
  std::shared_ptr<std::size_t> used_ = std::make_shared<std::size_t>(0);
};

}  // namespace titan
