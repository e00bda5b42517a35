// Handlers that record something: sales, refunds, voids, stock movements.
#include <chrono>

#include "pos-node/api/answers.h"
#include "pos-node/api/api.h"
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
void Api::record(ApiRequest& request, AnswerCallback done,
                 Result<Request> (*read)(const boost::json::value&), Rule<Request> rule) {
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
void Api::judge(const Request& request, const Rule<Request>& rule, AnswerCallback done) {
  const ClockReading clock = service_.clock();
  auto ruling = rule(request, RuleContext{service_.facts(), clock, service_});
  if (!ruling) return refuse_or_repeat(key_of(request), ruling.error(), done);
  append(std::move(*ruling), std::move(done));
}

void Api::in_turn(const mesh::EntryId& sale, AnswerCallback done,
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
void Api::next_turn(const mesh::EntryId& sale) {
  const auto waiting = settling_.find(sale);
  if (waiting->second.empty()) {
    settling_.erase(waiting);
    return;
  }
  auto next = std::move(waiting->second.front());
  waiting->second.pop_front();
  threads_.on_loop(std::move(next));
}

void Api::refuse_or_repeat(const RequestKey& key, const Error& refusal,
                           const AnswerCallback& done) {
  const auto record = service_.recorded(key.idempotency_key);
  if (!record || !*record) return done(error_answer(refusal));
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

void Api::append(Ruling ruling, AnswerCallback done) {
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

void Api::answer_entry(const RecordedEntry& entry, unsigned status, const AnswerCallback& done) {
  auto json = entry_json(entry, service_, EntryDetail::recorded);
  if (!json) return done(error_answer(json.error()));
  ApiAnswer answer = ok(std::move(*json));
  answer.status = status;
  done(std::move(answer));
}

void Api::count_recorded(mesh::Kind kind) {
  if (kind == mesh::Kind::sale) metrics_.sales.Increment();
  if (kind == mesh::Kind::refund) metrics_.refunds.Increment();
  if (kind == mesh::Kind::void_sale) metrics_.voids.Increment();
}

void Api::post_sale(ApiRequest& request, AnswerCallback done) {
  record<SaleRequest>(request, std::move(done), read_sale, make_sale);
}

void Api::post_refund(ApiRequest& request, AnswerCallback done) {
  record<RefundRequest>(request, std::move(done), read_refund,
                        [this](const RefundRequest& refund, const RuleContext& context) {
                          return rule_refund(refund, context);
                        });
}

Result<RefundHistory> Api::history_of(const mesh::EntryId& sale) {
  RefundHistory history;
  auto original = service_.entry(sale);
  if (!original) return original.error();
  history.original = std::move(*original);
  if (!history.original) return history;
  auto refunds = service_.refunds_of(sale);
  if (!refunds) return refunds.error();
  history.refunds = std::move(*refunds);
  const auto voided = service_.voided_by(*history.original);
  if (!voided) return voided.error();
  history.voided = voided->has_value();
  if (const auto move_in = mesh::move_in_of(history.original->envelope)) {
    const auto withdrawn = service_.move_ins().is_withdrawn(*move_in);
    if (!withdrawn) return withdrawn.error();
    history.withdrawn = *withdrawn;
  }
  return history;
}

Result<Ruling> Api::rule_refund(const RefundRequest& request, const RuleContext& context) {
  if (!request.original) return make_refund(request, context, {});
  const auto history = history_of(*request.original);
  if (!history) return history.error();
  return make_refund(request, context, *history);
}

void Api::post_void(ApiRequest& request, AnswerCallback done) {
  record<VoidRequest>(request, std::move(done), read_void,
                      [this](const VoidRequest& wanted, const RuleContext& context) {
                        return rule_void(wanted, context);
                      });
}

Result<Ruling> Api::rule_void(const VoidRequest& request, const RuleContext& context) {
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

void Api::post_delivery(ApiRequest& request, AnswerCallback done) {
  record<MovementRequest>(
      request, std::move(done),
      [](const json::value& body) { return read_movement(body, mesh::Kind::delivery); },
      make_movement);
}

void Api::post_adjustment(ApiRequest& request, AnswerCallback done) {
  record<MovementRequest>(
      request, std::move(done),
      [](const json::value& body) { return read_movement(body, mesh::Kind::adjustment); },
      make_movement);
}

void Api::post_transfer(ApiRequest& request, AnswerCallback done) {
  record<MovementRequest>(request, std::move(done), read_transfer, make_movement);
}

void Api::get_sale(ApiRequest& request, AnswerCallback done) {
  const auto id = parse_id(request.path[2]);
  if (!id) {
    return done(error_answer(
        make_error(ErrorCode::invalid,
                   "A sale's id is \"<journal>:<number>\", as given when it was made.", "id")));
  }
  const auto entry = service_.entry(*id);
  if (!entry) return done(error_answer(entry.error()));
  if (!*entry) {
    return done(error_answer(
        make_error(ErrorCode::not_found,
                   "Sale " + request.path[2] + " is not on this terminal (yet).", "id")));
  }
  auto json = entry_json(**entry, service_, EntryDetail::looked_up);
  if (!json) return done(error_answer(json.error()));
  done(ok(std::move(*json)));
}

}  // namespace titan::pos
