// What only looks: sales, stock, journals, status, metrics, health; and the reload of the
// configuration.
//
// Loop thread only. Holds no state.
#pragma once

#include "pos-node/api/http.h"
#include "pos-node/service/metrics.h"
#include "pos-node/service/service.h"

namespace titan::pos {

class LookUpHandlers {
 public:
  LookUpHandlers(Service& service, Metrics& metrics) : service_(service), metrics_(metrics) {}

  void get_sale(ApiRequest& request, AnswerCallback done);
  void get_sales(ApiRequest& request, AnswerCallback done);
  void get_stock(ApiRequest& request, AnswerCallback done);
  void get_stock_of(ApiRequest& request, AnswerCallback done);
  void get_journal(ApiRequest& request, AnswerCallback done);
  void get_events(ApiRequest& request, AnswerCallback done);
  void get_status(ApiRequest& request, AnswerCallback done);
  void get_metrics(ApiRequest& request, AnswerCallback done);
  void get_health(ApiRequest& request, AnswerCallback done);
  void post_reload(ApiRequest& request, AnswerCallback done);

 private:
  Service& service_;
  Metrics& metrics_;
};

}  // namespace titan::pos
