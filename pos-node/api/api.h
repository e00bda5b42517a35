// The local API's handlers: each request becomes one call of the service and one answer.
//
// Loop thread only, except for the reading of product lists, which runs on a worker and comes back.
// Handlers hold no state but what requests in flight need.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "pos-node/api/http.h"
#include "pos-node/service/metrics.h"
#include "pos-node/service/service.h"
#include "retail/catalogue/product_patch.h"

namespace titan::pos {

struct FormerSalesRequest;
struct OpeningStocksRequest;

inline constexpr std::size_t page_items_max = 1000;  // products, stock
inline constexpr std::size_t page_items_default = 100;
inline constexpr std::size_t journal_entries_max = 1000;
inline constexpr std::size_t journal_page_bytes = 256 * 1024;
inline constexpr std::size_t imports_at_once_max = 1;

// Where the API runs its work.
struct ApiThreads {
  std::function<void(std::function<void()>)> on_worker;
  std::function<void(std::function<void()>)> on_loop;
};

class Api {
 public:
  Api(Service& service, Metrics& metrics, ApiThreads threads);

  // `done` is called once, at once or later, on the loop thread.
  void handle(ApiRequest request, AnswerCallback done);

  // The body limit for a request, known before the body is read.
  static std::size_t body_limit(const ApiRequest& request);

 private:
  using Handler = void (Api::*)(ApiRequest&, AnswerCallback);
  struct Route;
  static const std::vector<Route>& routes();
  // The route, and the methods that the address takes: empty if there is no such address.
  static std::pair<const Route*, std::string> find_route(const ApiRequest& request);

  void post_sale(ApiRequest& request, AnswerCallback done);
  void post_refund(ApiRequest& request, AnswerCallback done);
  void post_void(ApiRequest& request, AnswerCallback done);
  void post_delivery(ApiRequest& request, AnswerCallback done);
  void post_adjustment(ApiRequest& request, AnswerCallback done);
  void post_transfer(ApiRequest& request, AnswerCallback done);
  void get_sale(ApiRequest& request, AnswerCallback done);
  void get_sales(ApiRequest& request, AnswerCallback done);
  void get_products(ApiRequest& request, AnswerCallback done);
  void get_product(ApiRequest& request, AnswerCallback done);
  void put_products(ApiRequest& request, AnswerCallback done);
  void put_move_in_products(ApiRequest& request, AnswerCallback done);
  void get_move_in(ApiRequest& request, AnswerCallback done);
  void post_move_in_sales(ApiRequest& request, AnswerCallback done);
  void post_move_in_stock(ApiRequest& request, AnswerCallback done);
  void post_withdrawal(ApiRequest& request, AnswerCallback done);
  void get_stock(ApiRequest& request, AnswerCallback done);
  void get_stock_of(ApiRequest& request, AnswerCallback done);
  void get_journal(ApiRequest& request, AnswerCallback done);
  void get_events(ApiRequest& request, AnswerCallback done);
  void get_status(ApiRequest& request, AnswerCallback done);
  void get_metrics(ApiRequest& request, AnswerCallback done);
  void get_health(ApiRequest& request, AnswerCallback done);
  void post_reload(ApiRequest& request, AnswerCallback done);

  // Parses the body, lets `read` and `rule` judge it, records, answers.
  template <class Request>
  using Rule = std::function<Result<Ruling>(const Request&, const RuleContext&)>;
  template <class Request>
  void record(ApiRequest& request, AnswerCallback done,
              Result<Request> (*read)(const boost::json::value&), Rule<Request> rule);
  template <class Request>
  void judge(const Request& request, const Rule<Request>& rule, AnswerCallback done);
  void append(Ruling ruling, AnswerCallback done);
  // A request that the rules refuse now may have been recorded before.
  void refuse_or_repeat(const RequestKey& key, const Error& refusal, const AnswerCallback& done);
  void answer_entry(const RecordedEntry& entry, unsigned status, const AnswerCallback& done);
  void count_recorded(mesh::Kind kind);
  // Runs `settle` when no other refund or void of the sale is under way. It answers once, by the
  // callback that it is handed; the next one runs then.
  void in_turn(const mesh::EntryId& sale, AnswerCallback done,
               std::function<void(AnswerCallback)> settle);
  void next_turn(const mesh::EntryId& sale);
  Result<RefundHistory> history_of(const mesh::EntryId& sale);
  Result<Ruling> rule_refund(const RefundRequest& request, const RuleContext& context);
  Result<Ruling> rule_void(const VoidRequest& request, const RuleContext& context);

  struct Import;
  void begin_import(ApiRequest& request, const std::shared_ptr<Import>& import,
                    AnswerCallback done);
  void make_import_entries(const std::shared_ptr<Import>& import);
  void find_articles(const std::shared_ptr<Import>& import);
  void found_articles(const std::shared_ptr<Import>& import);
  Result<std::vector<ProductPointer>> articles_of(const ProductPatch& patch);
  Status find_article_of(Import& import, ProductPatch& patch);
  Status warn_of_shared_gtins(Import& import, const ProductPatch& patch);
  void compare_import(const std::shared_ptr<Import>& import);
  void record_import(const std::shared_ptr<Import>& import);
  void write_import(const std::shared_ptr<Import>& import);
  void answer_import(const std::shared_ptr<Import>& import);
  void finish_import(const std::shared_ptr<Import>& import, ApiAnswer answer);

  struct MoveInBatch;
  template <class Request>
  void read_batch(ApiRequest& request, const AnswerCallback& done,
                  Result<Request> (*read)(const boost::json::value&),
                  const std::function<Status(const Request&)>& work);
  Status begin_batch(const MoveInId& move_in, bool dry_run);
  Status note_beginning(const MoveInId& move_in);
  Status judge_former_sales(const MoveInId& move_in, const FormerSalesRequest& wanted,
                            const AnswerCallback& done);
  Status judge_opening_stocks(const MoveInId& move_in, const OpeningStocksRequest& wanted,
                              const AnswerCallback& done);
  void record_batch(std::shared_ptr<MoveInBatch> batch);

  struct Undo;
  Status begin_undo(const std::shared_ptr<Undo>& undo);
  // Whether the opening counts and was not taken out yet by an undo of its move-in.
  bool is_left(const MoveInId& move_in, const mesh::Entry& opening) const;
  Result<bool> is_opening_left(const MoveInId& move_in);
  void withdraw_openings(const std::shared_ptr<Undo>& undo);
  void restore_products(const std::shared_ptr<Undo>& undo);
  void record_restored(const std::shared_ptr<Undo>& undo);
  void answer_undo(const std::shared_ptr<Undo>& undo);

  Service& service_;
  Metrics& metrics_;
  ApiThreads threads_;
  std::size_t imports_ = 0;
  bool moving_in_ = false;  // a batch of a move-in waits for its commit, or one is being undone
  // Refunds and voids of one sale are settled one after the other: each is judged by what the one
  // before left. An entry is here while one of it waits for its commit; the others wait behind.
  std::map<mesh::EntryId, std::deque<std::function<void()>>> settling_;
};

}  // namespace titan::pos
