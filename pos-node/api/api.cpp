#include "pos-node/api/api.h"

#include "pos-node/api/answers.h"
#include "pos-node/api/paging.h"

namespace titan::pos {

namespace {

// Who reads the parameters of an address: most take none, and a parameter that is swallowed is a
// misunderstanding (`POST /v1/sales?training=true` is no training).
enum class Parameters { none, read_by_handler, ignored };

constexpr const char* every_method = "GET, HEAD, PUT, POST, OPTIONS";

}  // namespace

// A path element "*" stands for any one.
struct Api::Route {
  Method method;
  std::vector<std::string_view> path;
  Handler handler;
  Parameters parameters = Parameters::none;
};

const std::vector<Api::Route>& Api::routes() {
  static const std::vector<Route> all = {
      {Method::post, {"v1", "sales"}, &Api::post_sale},
      {Method::post, {"v1", "refunds"}, &Api::post_refund},
      {Method::post, {"v1", "voids"}, &Api::post_void},
      {Method::post, {"v1", "deliveries"}, &Api::post_delivery},
      {Method::post, {"v1", "adjustments"}, &Api::post_adjustment},
      {Method::post, {"v1", "transfers"}, &Api::post_transfer},
      {Method::get, {"v1", "sales"}, &Api::get_sales, Parameters::read_by_handler},
      {Method::get, {"v1", "sales", "*"}, &Api::get_sale},
      {Method::get, {"v1", "move-ins"}, &Api::get_move_in, Parameters::read_by_handler},
      {Method::put,
       {"v1", "move-ins", "*", "products"},
       &Api::put_move_in_products,
       Parameters::read_by_handler},
      {Method::post, {"v1", "move-ins", "*", "opening-stock"}, &Api::post_move_in_stock},
      {Method::post, {"v1", "move-ins", "*", "sales"}, &Api::post_move_in_sales},
      {Method::post, {"v1", "move-ins", "*", "withdrawal"}, &Api::post_withdrawal},
      {Method::get, {"v1", "products"}, &Api::get_products, Parameters::read_by_handler},
      {Method::put, {"v1", "products"}, &Api::put_products, Parameters::read_by_handler},
      {Method::get, {"v1", "products", "*"}, &Api::get_product},
      {Method::get, {"v1", "stock"}, &Api::get_stock, Parameters::read_by_handler},
      {Method::get, {"v1", "stock", "*"}, &Api::get_stock_of},
      {Method::get, {"v1", "journal"}, &Api::get_journal, Parameters::read_by_handler},
      {Method::get, {"v1", "events"}, &Api::get_events},
      {Method::get, {"v1", "status"}, &Api::get_status, Parameters::ignored},
      {Method::post, {"v1", "reload"}, &Api::post_reload},
      {Method::get, {"metrics"}, &Api::get_metrics, Parameters::ignored},
      {Method::get, {"healthz"}, &Api::get_health, Parameters::ignored},
  };
  return all;
}

Api::Api(Service& service, Metrics& metrics, ApiThreads threads)
    : service_(service), metrics_(metrics), threads_(std::move(threads)) {}

std::size_t Api::body_limit(const ApiRequest& request) {
  const bool is_product_list =
      request.method == Method::put && !request.path.empty() && request.path.back() == "products";
  return is_product_list ? products_body_bytes_max : body_bytes_max;
}

void Api::handle(ApiRequest request, AnswerCallback done) {
  const auto counted = [this, done = std::move(done)](ApiAnswer answer) {
    if (answer.status >= 500) {
      metrics_.requests_failed.Increment();
    } else if (answer.status >= 400) {
      metrics_.requests_refused.Increment();
    }
    done(std::move(answer));
  };
  const auto [route, allowed] = find_route(request);
  if (request.method == Method::options) {
    // A page is answered in any case, so that its programmer sees the 404 that follows.
    const bool is_known = !allowed.empty();
    if (is_known || request.is_of_server || request.is_preflight) {
      return counted({204, {}, "application/json", is_known ? allowed : every_method});
    }
  }
  if (allowed.empty()) {
    return counted(error_answer(make_error(ErrorCode::not_found,
                                           "There is nothing at this address; see "
                                           "docs/openapi.yaml for what there is.")));
  }
  if (!route) {
    ApiAnswer answer = error_answer(
        make_error(ErrorCode::invalid, "This address takes " + allowed + " only.", "method"));
    answer.status = 405;
    answer.allow = allowed;
    return counted(std::move(answer));
  }
  if (route->parameters == Parameters::none) {
    if (const auto checked = known_parameters(request, {}); !checked) {
      return counted(error_answer(checked.error()));
    }
  }
  (this->*route->handler)(request, counted);
}

std::pair<const Api::Route*, std::string> Api::find_route(const ApiRequest& request) {
  const auto matches = [&](const Route& route) {
    if (route.path.size() != request.path.size()) return false;
    for (std::size_t i = 0; i < route.path.size(); ++i) {
      if (route.path[i] != "*" && route.path[i] != request.path[i]) return false;
    }
    return true;
  };
  // HEAD is GET without the answer's body, which the session leaves away.
  const Method method = request.method == Method::head ? Method::get : request.method;
  const Route* found = nullptr;
  std::string allowed;
  for (const Route& route : routes()) {
    if (!matches(route)) continue;
    if (route.method == method) found = &route;
    allowed += route.method == Method::get   ? "GET, HEAD, "
               : route.method == Method::put ? "PUT, "
                                             : "POST, ";
  }
  if (!allowed.empty()) allowed += "OPTIONS";
  return {found, allowed};
}

void Api::post_reload(ApiRequest&, AnswerCallback done) {
  const auto report = service_.reload();
  if (!report) return done(error_answer(report.error()));
  JsonWriter writer(256);
  const auto list = [&](const char* name, const std::vector<std::string>& keys) {
    writer.key(name).begin_array();
    for (const std::string& key : keys) writer.value(key);
    writer.end_array();
  };
  writer.begin_object();
  list("applied", report->applied);
  list("needs_restart", report->needs_restart);
  writer.end_object();
  done({200, std::move(writer.text())});
}

void Api::get_events(ApiRequest&, AnswerCallback done) {
  done(error_answer(
      make_error(ErrorCode::invalid, "This address is an event stream; open it as a WebSocket.")));
}

}  // namespace titan::pos
