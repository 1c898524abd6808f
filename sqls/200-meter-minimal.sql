-- Purpose: rank a branch's customers by the water billed in one month; the first 200 distinct ones become its cohort.
-- Grain: one row per live bill with usage above 0, reading and live meter; a customer can come in several rows.
-- Binds:
--   :ORG_OWNER_ID: text, 4-digit BA code of the branch
--   :DEBT_YM: text, YYYYMM in the era of DEBT_YM_ERA (Buddhist: October 2025 is 256810)
-- Caller: include.bigmeter.source.reader.read_cohort, which takes FETCH FIRST out and stops at COHORT_SIZE customers:
--   200 rows can be far fewer than 200 customers.
SELECT
    trn.ORG_OWNER_ID AS branch_code,
    org.ORG_NAME AS org_name,
    trn.CUST_CODE AS cust_code,
    ut.USETYPE AS use_type,
    ut.USENAME AS use_name,
    trn.CUST_NAME AS cust_name,
    trn.CUST_ADDRESS AS address,
    mr.METER_ROUTE_CODE AS route_code,
    tmp.METER_NO AS meter_no,
    ms.SIZENAME AS meter_size,
    mb.BRANDNAME AS meter_brand,
    mst.STATENAME AS meter_state,
    trn.PRESENT_WATER_USG AS present_water_usg,
    trn.DEBT_YM AS debt_ym
FROM PWACIS.TB_TR_DEBT_TRN trn
JOIN PWACIS.TB_TR_DEBT_TEMP tmp
    ON tmp.CUST_ID = trn.CUST_ID
    AND tmp.DEBT_YM = trn.DEBT_YM
    AND tmp.IS_DELETE = 'F'
LEFT JOIN PWACIS.TB_TR_CUSTOMER_INF cf ON cf.ID = trn.CUST_ID
LEFT JOIN PWACIS.TB_TR_CUST_METER cm
    ON cm.CUST_ID = cf.ID
    AND cm.IS_DELETED = 'F'
LEFT JOIN PWACIS.TB_MS_METER_ROUTE mr ON mr.ID = tmp.METER_ROUTE_ID
LEFT JOIN PWACIS.TB_MS_METER_LINE ml ON ml.ID = mr.METER_LINE_ID
LEFT JOIN PWACIS.TB_LT_ORGANIZATION org ON org.ID = ml.ORG_CC_ID
LEFT JOIN PWACIS.TB_LT_METERSIZE ms ON ms.ID = tmp.METER_SIZE_ID
LEFT JOIN PWACIS.TB_LT_METERBRAND mb ON mb.ID = cm.MTR_BRAND_ID
LEFT JOIN PWACIS.TB_LT_METERSTATE mst ON mst.ID = cm.MRT_STATE_ID
LEFT JOIN PWACIS.TB_LT_USETYPE ut ON ut.ID = trn.CUST_TYPE_ID
WHERE
    trn.ORG_OWNER_ID = :ORG_OWNER_ID
    AND trn.DEBT_YM = :DEBT_YM
    -- a live bill: neither cancelled nor deleted
    AND trn.CANCELFLAG IS NULL
    AND trn.IS_DELETED = 'F'
    -- who used nothing in the debt month is no large customer; neither is a correction below 0
    AND trn.PRESENT_WATER_USG > 0
ORDER BY trn.PRESENT_WATER_USG DESC NULLS LAST, trn.CUST_CODE
FETCH FIRST 200 ROWS ONLY
