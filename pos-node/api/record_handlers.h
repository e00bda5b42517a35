// What records something: sales, refunds, voids, stock movements. A request is read, judged by the
// rules (pos-node/domain), recorded, and answered with the entry that came of it.
//
// Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>

#include "pos-node/api/api_threads.h"
#include "pos-node/api/http.h"
#include "pos-node/json/json_reader.h"
#include "pos-node/service/metrics.h"
#include "pos-node/service/service.h"

namespace titan::pos {

class RecordHandlers {
 public:
  RecordHandlers(Service& service, Metrics& metrics, const ApiThreads& threads)
      : service_(service), metrics_(metrics), threads_(threads) {}

  void post_sale(ApiRequest& request, AnswerCallback done);
  void post_refund(ApiRequest& request, AnswerCallback done);
  void post_void(ApiRequest& request, AnswerCallback done);
  void post_delivery(ApiRequest& request, AnswerCallback done);
  void post_adjustment(ApiRequest& request, AnswerCallback done);
  void post_transfer(ApiRequest& request, AnswerCallback done);

 private:
  // Parses the body, lets `read` and `rule` judge it, records, answers.
  template <class Request>
  using Rule = std::function<Result<Ruling>(const Request&, const RuleContext&)>;
  template <class Request>
  void record(ApiRequest& request, AnswerCallback done, Result<Request> (*read)(const json::value&),
              Rule<Request> rule);
  template <class Request>
  void judge(const Request& request, const Rule<Request>& rule, AnswerCallback done);
  void append(Ruling ruling, AnswerCallback done);
  // A request that the rules refuse now may have been recorded before.
  void refuse_or_repeat(const RequestKey& key, const Error& refusal, const AnswerCallback& done);
  void answer_entry(const RecordedEntry& entry, unsigned status, const AnswerCallback& done);
  void count_recorded(mesh::Kind kind);
  Result<Ruling> rule_refund(const RefundRequest& request, const RuleContext& context);
  Result<Ruling> rule_void(const VoidRequest& request, const RuleContext& context);
  // Runs `settle` when no other refund or void of the sale is under way. It answers once, by the
  // callback that it is handed; the next one runs then.
  void in_turn(const mesh::EntryId& sale, AnswerCallback done,
               std::function<void(AnswerCallback)> settle);
  void next_turn(const mesh::EntryId& sale);

  Service& service_;
  Metrics& metrics_;
  const ApiThreads& threads_;
  // Refunds and voids of one sale are settled one after the other: each is judged by what the one
  // before left. A sale is here while one of them waits for its commit; the others wait behind.
  std::map<mesh::EntryId, std::deque<std::function<void()>>> settling_;
};

}  // namespace titan::pos
