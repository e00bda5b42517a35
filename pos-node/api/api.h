// The local API: the table of its addresses (api.cpp), and who handles what comes there.
//
// Each handler file is found from the table: records (record_handlers.h), look-ups
// (look_up_handlers.h), products (product_handlers.h), move-ins (move_in_handlers.h). A handler
// answers once, at once or later.
//
// Loop thread only, except for the reading of product lists, which runs on a worker and comes back.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pos-node/api/api_threads.h"
#include "pos-node/api/http.h"
#include "pos-node/api/look_up_handlers.h"
#include "pos-node/api/move_in_handlers.h"
#include "pos-node/api/product_handlers.h"
#include "pos-node/api/record_handlers.h"

namespace titan::pos {

class Api {
 public:
  Api(Service& service, Metrics& metrics, ApiThreads threads);
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // `done` is called once, at once or later, on the loop thread.
  void handle(ApiRequest request, AnswerCallback done);

  // The body limit for a request, known before the body is read.
  static std::size_t body_limit(const ApiRequest& request);

 private:
  // Who reads the parameters of an address: most take none, and a parameter that is swallowed is a
  // misunderstanding (`POST /v1/sales?training=true` is no training).
  enum class Parameters { none, read_by_handler, ignored };
  struct Route {
    Method method;
    std::vector<std::string_view> path;  // an element "*" stands for any one
    std::function<void(ApiRequest&, AnswerCallback)> handler;
    Parameters parameters = Parameters::none;
  };

  std::vector<Route> make_routes();
  // The route, and the methods that the address takes: empty if there is no such address.
  std::pair<const Route*, std::string> find_route(const ApiRequest& request) const;

  Metrics& metrics_;
  const ApiThreads threads_;
  ProductImports imports_;
  RecordHandlers records_;
  LookUpHandlers look_ups_;
  ProductHandlers products_;
  MoveInHandlers move_ins_;
  const std::vector<Route> routes_;
};

}  // namespace titan::pos
