// Handlers that record something: sales, refunds, voids, stock movements.
#include <chrono>

#include "pos-node/api/answers.h"
#include "pos-node/api/api.h"
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

}  // namespace

template <class Request>
void Api::record(ApiRequest& request, AnswerCallback done,
                 Result<Request> (*read)(const boost::json::value&),
                 const std::function<Result<Ruling>(const Request&, const RuleContext&)>& rule) {
  if (const auto checked = check_json(request); !checked) {
    return done(error_answer(checked.error()));
  }
  json::monotonic_resource memory;
  const auto body = parse_json(request.body, &memory);
  if (!body) return done(error_answer(body.error()));
  const auto parsed = read(*body);
  if (!parsed) return done(error_answer(parsed.error()));

  const ClockReading clock = service_.clock();
  auto ruling = rule(*parsed, RuleContext{service_.facts(), clock, service_});
  if (!ruling) return refuse_or_repeat(key_of(*parsed), ruling.error(), done);
  append(std::move(*ruling), std::move(done));
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
  const bool is_void = ruling.draft.kind == mesh::Kind::void_sale;
  const Hash claim = ruling.draft.claim;
  if (is_void) voids_in_flight_[claim] = ruling.draft.idempotency_key;
  auto on_appended = [this, started, is_void, claim, alarms = std::move(ruling.alarms),
                      done = std::move(done)](Result<Appended> appended) {
    if (is_void) voids_in_flight_.erase(claim);
    if (!appended) return done(error_answer(appended.error()));
    const mesh::Entry& entry = *appended->entry;
    if (!appended->repeated) {
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
      metrics_.commit_seconds.Observe(taken.count());
      count_recorded(entry.envelope.kind);
      for (const RuleAlarm& alarm : alarms) service_.raise_alarm(alarm.code, alarm.message);
    }
    answer_entry(entry, appended->repeated ? 200 : 201, done);
  };
  service_.append(std::move(ruling.draft), std::move(on_appended));
}

void Api::answer_entry(const mesh::Entry& entry, unsigned status, const AnswerCallback& done) {
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

Result<Ruling> Api::rule_refund(const RefundRequest& request, const RuleContext& context) {
  RefundHistory history;
  if (request.original) {
    auto original = service_.entry(*request.original);
    if (!original) return original.error();
    history.original = std::move(*original);
  }
  if (history.original) {
    auto refunds = service_.refunds_of(*request.original);
    if (!refunds) return refunds.error();
    history.refunds = std::move(*refunds);
    const auto voided = service_.voided_by(*history.original);
    if (!voided) return voided.error();
    history.voided = voided->has_value();
  }
  return make_refund(request, context, history);
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
  const auto record = service_.recorded(request.key.idempotency_key);
  const bool is_repeat = record && *record && (*record)->request_hash == request.key.request_hash;
  const auto voided = service_.voided_by(**original);
  if (!voided) return voided.error();
  const auto waiting = voids_in_flight_.find(void_claim((*original)->hash));
  const bool other_waits =
      waiting != voids_in_flight_.end() && waiting->second != request.key.idempotency_key;
  if ((*voided && !is_repeat) || other_waits) {
    return make_error(ErrorCode::conflict,
                      *voided ? "This sale was already voided by " + id_text(**voided) + "."
                              : "This sale is just being voided by another request.",
                      "sale");
  }
  return make_void(request, context, **original);
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
