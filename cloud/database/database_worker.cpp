#include "cloud/database/database_worker.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <cerrno>

#include "cloud/database/cloud_schema.h"
#include "uplink/postgres/schema.h"

namespace titan::cloud {
namespace {

constexpr int notices_max = 100;  // of one look at an idle connection

}  // namespace

DatabaseWorker::DatabaseWorker(std::string name, std::string url, std::size_t jobs_max)
    : name_(std::move(name)), url_(std::move(url)), jobs_max_(jobs_max) {
  thread_ = std::thread([this] { work(); });
}

DatabaseWorker::~DatabaseWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void DatabaseWorker::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && jobs_.size() < jobs_max_) {
      jobs_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  }
  job.failed(make_error(ErrorCode::unavailable, "too much work is waiting for the database (" +
                                                    name_ + "); try again shortly"));
}

void DatabaseWorker::probe(const std::string& tenant) {
  post({tenant,
        [](pqxx::connection& connection) {
          pqxx::work transaction(connection);
          transaction.exec("SELECT 1");
        },
        [](const Error&) {}});
}

std::size_t DatabaseWorker::queued() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void DatabaseWorker::work() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) break;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    run_one(std::move(job));
  }
  std::deque<Job> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(jobs_);
  }
  for (auto& job : left) job.failed(make_error(ErrorCode::unavailable, "the cloud is stopping"));
}

void DatabaseWorker::run_one(Job job) {
  try {
    connect();
    if (!job.tenant.empty()) enter_schema(job.tenant);
    if (!reachable_.exchange(true) && !last_failure_.empty()) {
      spdlog::info("{}: the database is there again", name_);
    }
    last_failure_.clear();
    job.run(*connection_);
  } catch (const std::exception& error) {
    connection_.reset();
    const std::string what = uplink::one_line(error.what());
    reachable_ = false;
    if (what != last_failure_) {
      failure_ = name_ + " " + std::to_string(++failures_);
      spdlog::warn("{}: the database failed [{}]: {}", name_, failure_, what);
    }
    last_failure_ = what;
    // What the database says of itself, and of the statement, is for the log alone.
    job.failed(
        make_error(ErrorCode::unavailable,
                   "the cloud's database failed; try again shortly. The cloud's log says why "
                   "under [" +
                       failure_ + "]"));
  }
}

// What an idle connection has to say is its end, or a notice that may come before it.
bool DatabaseWorker::ended_meanwhile() {
  for (int notices = 0; notices < notices_max; ++notices) {
    char next = 0;
    const auto size = ::recv(connection_->sock(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0) return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
    if (size == 0) return true;
    try {
      connection_->get_notifs();  // reads what has come
    } catch (const pqxx::failure&) {
      return true;
    }
  }
  return false;
}

void DatabaseWorker::connect() {
  if (connection_ && ended_meanwhile()) connection_.reset();
  if (connection_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < connect_not_before_) {
    throw std::runtime_error(last_failure_.empty() ? "it is away" : last_failure_);
  }
  prepared_.clear();
  search_path_of_.clear();
  try {
    connection_ = uplink::open_connection(url_);
  } catch (...) {
    connect_not_before_ =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(reconnect_pause_ms);
    throw;
  }
}

void DatabaseWorker::enter_schema(const std::string& tenant) {
  if (search_path_of_ == tenant) return;
  if (prepared_.contains(tenant)) {
    uplink::set_search_path(*connection_, tenant);
  } else {
    prepare_cloud_tenant(*connection_, tenant);
    prepared_.insert(tenant);
  }
  search_path_of_ = tenant;
}

}  // namespace titan::cloud
