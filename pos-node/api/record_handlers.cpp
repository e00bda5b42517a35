#include "pos-node/api/record_handlers.h"

#include <chrono>

#include "pos-node/api/answers.h"
#include "pos-node/api/json_body.h"
#include "pos-node/api/request_reader.h"
#include "retail/text.h"

namespace titan::pos {
namespace {

const RequestKey& key_of(const SaleRequest& request) {
  return request.key;
}
const RequestKey& key_of(const RefundRequest& request) {
  return request.sale.key;
}
const RequestKey& key_of(const VoidRequest& request) {
  return request.key;
}
const RequestKey& key_of(const MovementRequest& request) {
  return request.key;
}

// The sale that a request settles, wholly or in part; requests about one wait for each other.
std::optional<mesh::EntryId> settles(const RefundRequest& request) {
  return request.original;
}
std::optional<mesh::EntryId> settles(const VoidRequest& request) {
  return request.sale;
}
std::optional<mesh::EntryId> settles(const SaleRequest&) {
  return std::nullopt;
}
std::optional<mesh::EntryId> settles(const MovementRequest&) {
  return std::nullopt;
}

}  // namespace

template <class Request>
void RecordHandlers::record(ApiRequest& request, AnswerCallback done,
                            Result<Request> (*read)(const json::value&), Rule<Request> rule) {
  const auto parsed = read_body(request, read);
  if (!parsed) return done(error_answer(parsed.error()));
  const auto sale = settles(*parsed);
  if (!sale) return judge(*parsed, rule, std::move(done));
  in_turn(*sale, std::move(done),
          [this, wanted = *parsed, rule = std::move(rule)](AnswerCallback answer) {
            judge(wanted, rule, std::move(answer));
          });
}

template <class Request>
void RecordHandlers::judge(const Request& request, const Rule<Request>& rule, AnswerCallback done) {
  const ClockReading clock = service_.clock();
  auto ruling = rule(request, RuleContext{service_.facts(), clock, service_});
  if (!ruling) return refuse_or_repeat(key_of(request), ruling.error(), done);
  append(std::move(*ruling), std::move(done));
}

void RecordHandlers::in_turn(const mesh::EntryId& sale, AnswerCallback done,
                             std::function<void(AnswerCallback)> settle) {
  auto run = [this, sale, done = std::move(done), settle = std::move(settle)] {
    settle([this, sale, done](ApiAnswer answer) {
      done(std::move(answer));
      next_turn(sale);
    });
  };
  const auto [waiting, first] = settling_.try_emplace(sale);
  if (first) return run();
  waiting->second.push_back(std::move(run));
}

// What waits runs from here, so a queue of refusals that answer at once nests no deeper than one.
void RecordHandlers::next_turn(const mesh::EntryId& sale) {
  const auto waiting = settling_.find(sale);
  if (waiting->second.empty()) {
    settling_.erase(waiting);
    return;
  }
  auto next = std::move(waiting->second.front());
  waiting->second.pop_front();
  threads_.on_loop(std::move(next));
}

void RecordHandlers::refuse_or_repeat(const RequestKey& key, const Error& refusal,
                                      const AnswerCallback& done) {
  const auto record = service_.recorded(key.idempotency_key);
  // Refused is what was not recorded; here nobody knows.
  if (!record) {
    return done(error_answer(make_error(
        ErrorCode::unknown_outcome, "Whether this was recorded before cannot be read right now (" +
                                        record.error().message +
                                        "); repeat with the same idempotency_key.")));
  }
  if (!*record) return done(error_answer(refusal));
  if ((*record)->request_hash != key.request_hash) {
    return done(error_answer(
        make_error(ErrorCode::conflict,
                   "This idempotency_key was already used for another request; take a new key.",
                   "idempotency_key")));
  }
  const auto entry = service_.entry((*record)->entry);
  if (!entry || !*entry) return done(error_answer(refusal));
  answer_entry(**entry, 200, done);
}

void RecordHandlers::append(Ruling ruling, AnswerCallback done) {
  const auto started = std::chrono::steady_clock::now();
  auto on_appended = [this, started, alarms = std::move(ruling.alarms),
                      done = std::move(done)](const Result<mesh::Appended>& appended) {
    if (!appended) return done(error_answer(appended.error()));
    const auto entry = service_.entry_of(*appended);
    if (!entry) return done(error_answer(entry.error()));
    if (!appended->repeated) {
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
      metrics_.commit_seconds.Observe(taken.count());
      count_recorded((*entry)->envelope.kind);
      for (const RuleAlarm& alarm : alarms) service_.raise_alarm(alarm.code, alarm.message);
    }
    answer_entry(**entry, appended->repeated ? 200 : 201, done);
  };
  service_.append(std::move(ruling.draft), std::move(on_appended));
}

void RecordHandlers::answer_entry(const RecordedEntry& entry, unsigned status,
                                  const AnswerCallback& done) {
  auto json = entry_json(entry, service_, EntryDetail::recorded);
  if (!json) return done(error_answer(json.error()));
  ApiAnswer answer = ok(std::move(*json));
  answer.status = status;
  done(std::move(answer));
}

void RecordHandlers::count_recorded(mesh::Kind kind) {
  if (kind == mesh::Kind::sale) metrics_.sales.Increment();
  if (kind == mesh::Kind::refund) metrics_.refunds.Increment();
  if (kind == mesh::Kind::void_sale) metrics_.voids.Increment();
}

void RecordHandlers::post_sale(ApiRequest& request, AnswerCallback done) {
  record<SaleRequest>(request, std::move(done), read_sale, make_sale);
}

void RecordHandlers::post_refund(ApiRequest& request, AnswerCallback done) {
  record<RefundRequest>(request, std::move(done), read_refund,
                        [this](const RefundRequest& refund, const RuleContext& context) {
                          return rule_refund(refund, context);
                        });
}

Result<Ruling> RecordHandlers::rule_refund(const RefundRequest& request,
                                           const RuleContext& context) {
  if (!request.original) return make_refund(request, context, {});
  const auto original = service_.entry(*request.original);
  if (!original) return original.error();
  if (!*original) return make_refund(request, context, {});
  auto history = history_of(*original, service_);
  if (!history) return history.error();
  if (const auto move_in = mesh::move_in_of((*original)->envelope)) {
    const auto withdrawn = service_.move_ins().is_withdrawn(*move_in);
    if (!withdrawn) return withdrawn.error();
    history->withdrawn = *withdrawn;
  }
  return make_refund(request, context, *history);
}

void RecordHandlers::post_void(ApiRequest& request, AnswerCallback done) {
  record<VoidRequest>(request, std::move(done), read_void,
                      [this](const VoidRequest& wanted, const RuleContext& context) {
                        return rule_void(wanted, context);
                      });
}

Result<Ruling> RecordHandlers::rule_void(const VoidRequest& request, const RuleContext& context) {
  const auto original = service_.entry(request.sale);
  if (!original) return original.error();
  if (!*original) {
    return make_error(ErrorCode::not_found,
                      "Sale " + id_text(request.sale) + " is not on this terminal.", "sale");
  }
  const auto voided = service_.voided_by(**original);
  if (!voided) return voided.error();
  if (*voided) {
    return make_error(ErrorCode::conflict,
                      "This sale was already voided by " + id_text(**voided) + ".", "sale");
  }
  const auto refunds = service_.refunds_of(request.sale);
  if (!refunds) return refunds.error();
  return make_void(request, context, **original, *refunds);
}

void RecordHandlers::post_delivery(ApiRequest& request, AnswerCallback done) {
  record<MovementRequest>(
      request, std::move(done),
      [](const json::value& body) { return read_movement(body, mesh::Kind::delivery); },
      make_movement);
}

void RecordHandlers::post_adjustment(ApiRequest& request, AnswerCallback done) {
  record<MovementRequest>(
      request, std::move(done),
      [](const json::value& body) { return read_movement(body, mesh::Kind::adjustment); },
      make_movement);
}

void RecordHandlers::post_transfer(ApiRequest& request, AnswerCallback done) {
  record<MovementRequest>(request, std::move(done), read_transfer, make_movement);
}

}  // namespace titan::pos
