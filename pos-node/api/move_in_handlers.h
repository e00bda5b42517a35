// Move-ins from a former system (docs/V01.md): products, past sales and opening stocks in batches,
// and the undoing of the whole.
//
// A batch is judged and recorded as a whole, one at a time, so that what it looked up still holds
// when it records. Whatever is here already is answered as known; so a batch whose answer was lost
// is simply sent again.
//
// Loop thread only.
#pragma once

#include <memory>

#include "pos-node/api/api_threads.h"
#include "pos-node/api/http.h"
#include "pos-node/api/move_in_reader.h"
#include "pos-node/api/product_import.h"
#include "pos-node/json/json_reader.h"
#include "pos-node/service/service.h"

namespace titan::pos {

class MoveInHandlers {
 public:
  MoveInHandlers(Service& service, ProductImports& imports, const ApiThreads& threads)
      : service_(service), imports_(imports), threads_(threads) {}

  void get_move_in(ApiRequest& request, AnswerCallback done);
  void put_products(ApiRequest& request, AnswerCallback done);
  void post_sales(ApiRequest& request, AnswerCallback done);
  void post_opening_stock(ApiRequest& request, AnswerCallback done);
  void post_withdrawal(ApiRequest& request, AnswerCallback done);

 private:
  struct Batch;
  // move_in_handlers.cpp: batches
  // Reads the batch, begins it, and lets `judge` answer.
  template <class Request>
  void take_batch(ApiRequest& request, const AnswerCallback& done,
                  Result<Request> (*read)(const json::value&),
                  Status (MoveInHandlers::*judge)(const MoveInId&, const Request&,
                                                  const AnswerCallback&));
  Status begin_batch(const MoveInId& move_in, bool dry_run);
  Status note_beginning(const MoveInId& move_in);
  Status judge_sales(const MoveInId& move_in, const FormerSalesRequest& wanted,
                     const AnswerCallback& done);
  Status judge_opening_stocks(const MoveInId& move_in, const OpeningStocksRequest& wanted,
                              const AnswerCallback& done);
  void record_batch(std::shared_ptr<Batch> batch);

  // move_in_undo.cpp
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
  ProductImports& imports_;
  const ApiThreads& threads_;
  bool moving_in_ = false;  // a batch of a move-in waits for its commit, or one is being undone
};

}  // namespace titan::pos
